"""Nothing: schedulers and workers have a health endpoint of their own, and answer no browser."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
