"""The OpenAPI document of the whole API, which every profile serves, and the page that shows it."""

from functools import lru_cache
from typing import Any

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from platform_scheduler.authentication import HasRole, TokenAsPassword, TokenAuthentication

DOCUMENTED = "platform_scheduler.urls.documented"


@lru_cache(maxsize=1)
def document() -> Any:
    """Return the document; it changes with the code only, and takes a quarter of a second to make."""
    return SchemaGenerator(urlconf=DOCUMENTED).get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


class SchemaView(APIView):
    """The OpenAPI document, the same in every profile."""

    authentication_classes = [TokenAuthentication, TokenAsPassword]
    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer, JSONRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Answer the document in JSON or YAML."""
        return Response(document())


# Swagger's page carries its own few styles and small pictures; its scripts come from files, as everywhere.
@method_decorator(csp_update({"style-src": [UNSAFE_INLINE], "img-src": ["data:"]}), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    """The document as a page; a browser asks for the token as a password."""

    # The first class's challenge goes out with a 401, and only Basic makes a browser ask.
    authentication_classes = [TokenAsPassword, TokenAuthentication]
    permission_classes = [HasRole]
