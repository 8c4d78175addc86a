"""The operators' dashboard."""

from django.contrib import admin
from django.urls import path

from platform_scheduler.urls.composition import PROBES

urlpatterns = [*PROBES, path("admin/", admin.site.urls)]

handler400 = "platform_scheduler.error_pages.bad_request"
handler403 = "platform_scheduler.error_pages.permission_denied"
handler404 = "platform_scheduler.error_pages.page_not_found"
handler500 = "platform_scheduler.error_pages.server_error"
