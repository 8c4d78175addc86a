"""Not served: every endpoint of every app, for the OpenAPI document that all profiles share."""

from django.urls import path

from platform_scheduler.urls.composition import PREFIX
from query.api.routes import ROUTES as QUERY
from register.api.routes import ROUTES as REGISTER

urlpatterns = [path(PREFIX + route, view.as_view()) for routes in (REGISTER, QUERY) for route, view in routes.items()]
