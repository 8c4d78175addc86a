"""The read API."""

from django.urls import include, path

from platform_scheduler.urls.composition import api
from query.api.routes import ROUTES as QUERY

urlpatterns = [path("", include("platform_scheduler.health")), *api(QUERY)]

handler400 = "platform_scheduler.error_pages.bad_request"
handler403 = "platform_scheduler.error_pages.permission_denied"
handler404 = "platform_scheduler.error_pages.page_not_found"
handler500 = "platform_scheduler.error_pages.server_error"
