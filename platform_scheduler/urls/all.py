"""Everything over HTTP in one process: register and query on the same paths, and the console."""

from django.contrib import admin
from django.urls import path

from platform_scheduler.urls.composition import PROBES, api
from query.api.routes import ROUTES as QUERY
from register.api.routes import ROUTES as REGISTER

urlpatterns = [*PROBES, *api(REGISTER, QUERY), path("admin/", admin.site.urls)]

handler400 = "platform_scheduler.error_pages.bad_request"
handler403 = "platform_scheduler.error_pages.permission_denied"
handler404 = "platform_scheduler.error_pages.page_not_found"
handler500 = "platform_scheduler.error_pages.server_error"
