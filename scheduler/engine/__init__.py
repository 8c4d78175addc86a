"""Plain Python rules: no Django, no clock, no I/O. What may happen, and when, is decided here."""
