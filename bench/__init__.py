"""`manage.py bench`: how fast the platform is, measured in pairs on real processes, never asserted in a test."""
