"""The drill: a platform of real processes under random load and faults, and a checker that trusts none of it."""
