"""How the console writes instants; Django asks here before its own locales."""
