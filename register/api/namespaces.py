"""Namespaces over HTTP; the gateway sends every path that is not query's here."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import namespaces
from register.api.namespace_input import NamespaceInput, read_namespace_changes, read_new_namespace
from register.api.preconditions import accepted_versions
from scheduler.answers import NamespaceAnswer, NamespacePage
from scheduler.filtering import ListFilter
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import Namespace
from scheduler.models.choices import Role
from scheduler.parameters import refuse_all
from scheduler.representations import etag, namespace_as_json
from scheduler.tokens import caller_of

_IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The namespace's ETag, or *.")


class NamespaceFilter(ListFilter):
    """The list of namespaces, which is short."""

    class Meta:
        model = Namespace
        fields: list[str] = []


class NamespacesView(APIView):
    """All namespaces that have settings."""

    required_roles = {"POST": Role.ADMIN}

    @extend_schema(
        operation_id="listNamespaces", summary="List namespaces", tags=["access"], parameters=PAGING_PARAMETERS,
        responses={200: NamespacePage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the namespaces with settings that the caller may see, by name; one without has the defaults."""
        filters = NamespaceFilter(
            request.query_params, queryset=namespaces.listed(bound_to=caller_of(request).namespace)
        )
        return Response(answer_list(request.query_params, filters, order=lambda: Order("name"), show=namespace_as_json))

    @extend_schema(
        operation_id="createNamespace", summary="Create a namespace", tags=["access"], request=NamespaceInput,
        responses={201: NamespaceAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Give a namespace settings; its tasks may be there already."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        given = read_new_namespace(request.data)
        namespace = namespaces.create_namespace(given, actor=caller.name, bound_to=caller.namespace, now=caller.now)
        answer = _answer(namespace, status=201)
        answer["Location"] = f"/api/v1/namespaces/{namespace.name}"
        return answer


class NamespaceView(APIView):
    """One namespace."""

    required_roles = {"PUT": Role.ADMIN, "PATCH": Role.ADMIN, "DELETE": Role.ADMIN}

    @extend_schema(
        operation_id="getNamespace", summary="Show a namespace", tags=["access"], responses={200: NamespaceAnswer}
    )
    def get(self, request: Request, name: str) -> Response:
        """Show the settings of a namespace."""
        refuse_all(request.query_params)
        return _answer(namespaces.find(name, bound_to=caller_of(request).namespace))

    @extend_schema(
        operation_id="updateNamespace", summary="Change a namespace", tags=["access"],
        request=NamespaceInput(partial=True), parameters=[_IF_MATCH], responses={200: NamespaceAnswer},
    )  # fmt: skip
    def put(self, request: Request, name: str) -> Response:
        """Change the fields given and keep the others; a bound token changes description and channel only."""
        return self._change(request, name)

    @extend_schema(
        operation_id="patchNamespace", summary="Change a namespace", tags=["access"],
        request=NamespaceInput(partial=True), parameters=[_IF_MATCH], responses={200: NamespaceAnswer},
    )  # fmt: skip
    def patch(self, request: Request, name: str) -> Response:
        """Change the fields given and keep the others, as PUT does."""
        return self._change(request, name)

    @extend_schema(
        operation_id="deleteNamespace", summary="Delete a namespace", tags=["access"], parameters=[_IF_MATCH],
        responses={204: OpenApiResponse(description="Deleted.")},
    )  # fmt: skip
    def delete(self, request: Request, name: str) -> Response:
        """Delete the settings of a namespace in which there is nothing, nor a token of it."""
        caller = caller_of(request)
        namespaces.delete_namespace(
            name, bound_to=caller.namespace, versions=accepted_versions(request), now=caller.now
        )
        return Response(status=204)

    def _change(self, request: Request, name: str) -> Response:
        refuse_all(request.query_params)
        caller = caller_of(request)
        given = read_namespace_changes(request.data)
        versions = accepted_versions(request)
        return _answer(
            namespaces.change_namespace(name, given, bound_to=caller.namespace, versions=versions, now=caller.now)
        )


def _answer(namespace: Namespace, *, status: int = 200) -> Response:
    return Response(namespace_as_json(namespace), status=status, headers={"ETag": etag(namespace)})
