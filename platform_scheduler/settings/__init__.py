"""One module a profile; DJANGO_SETTINGS_MODULE picks which part of the platform this process is."""
