"""The query app: reads only."""

from django.apps import AppConfig


class QueryConfig(AppConfig):
    name = "query"
    verbose_name = "Query"
