"""Templates: their verbs, the values of their parameters, the tasks that are made of them."""
