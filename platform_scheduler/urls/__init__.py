"""One module a profile: which part of the house answers over HTTP."""
