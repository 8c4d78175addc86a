"""The write API."""

from django.urls import include, path

from platform_scheduler.urls.composition import api
from register.api.routes import ROUTES as REGISTER

urlpatterns = [path("", include("platform_scheduler.health")), *api(REGISTER)]

handler400 = "platform_scheduler.error_pages.bad_request"
handler403 = "platform_scheduler.error_pages.permission_denied"
handler404 = "platform_scheduler.error_pages.page_not_found"
handler500 = "platform_scheduler.error_pages.server_error"
