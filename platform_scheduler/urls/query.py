"""The read API."""

from platform_scheduler import replica
from platform_scheduler.urls.composition import PROBES, api
from query.api.routes import ROUTES as QUERY
from register.api.routes import ROUTES as REGISTER

urlpatterns = [*PROBES, *api(replica.routed(QUERY) if replica.is_configured() else QUERY, elsewhere=[REGISTER])]

handler400 = "platform_scheduler.error_pages.bad_request"
handler403 = "platform_scheduler.error_pages.permission_denied"
handler404 = "platform_scheduler.error_pages.page_not_found"
handler500 = "platform_scheduler.error_pages.server_error"
