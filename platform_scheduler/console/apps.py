"""Has Django's admin make our site the default one, on which every app registers its pages."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """`django.contrib.admin` with the console as its site."""

    default_site = "platform_scheduler.console.site.ConsoleSite"
