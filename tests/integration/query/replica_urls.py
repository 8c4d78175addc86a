"""The API with reads that go to a copy, as the profile query serves it; writes beside them."""

from platform_scheduler import replica
from platform_scheduler.urls.composition import PROBES, api
from query.api.routes import ROUTES as QUERY
from register.api.routes import ROUTES as REGISTER

urlpatterns = [*PROBES, *api(REGISTER, replica.routed(QUERY))]
