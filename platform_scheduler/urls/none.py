"""Nothing: schedulers, workers and commands answer no browser."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
