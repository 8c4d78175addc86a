"""Tokens over HTTP; the gateway sends every path that is not query's here."""

from django.db.models import QuerySet
from django_filters import CharFilter  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import access
from register.api.token_input import TokenInput, read_new_token
from register.names import KEY_MAX_LENGTH
from scheduler.answers import NewTokenAnswer, TokenAnswer, TokenPage
from scheduler.filtering import FlagFilter, ListFilter, WordsFilter
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import ApiToken
from scheduler.models.choices import Role
from scheduler.parameters import refuse_all
from scheduler.representations import token_as_json
from scheduler.tokens import caller_of

_FILTERS = [
    OpenApiParameter("role", description="One or more roles, separated by commas."),
    OpenApiParameter("namespace"),
    OpenApiParameter("revoked", OpenApiTypes.BOOL),
]


class TokenFilter(ListFilter):
    """The list of tokens."""

    role = WordsFilter(words=tuple(Role.values))
    namespace = CharFilter(max_length=KEY_MAX_LENGTH)
    revoked = FlagFilter(method="is_revoked")

    class Meta:
        model = ApiToken
        fields: list[str] = []

    def is_revoked(self, tokens: QuerySet[ApiToken], _name: str, value: bool | None) -> QuerySet[ApiToken]:
        """Leave the tokens that are revoked, or those that are not."""
        return tokens if value is None else tokens.filter(revoked_at__isnull=not value)


class TokensView(APIView):
    """All tokens."""

    required_roles = {"GET": Role.ADMIN, "POST": Role.ADMIN}

    @extend_schema(
        operation_id="listTokens", summary="List tokens", tags=["access"], parameters=[*_FILTERS, *PAGING_PARAMETERS],
        responses={200: TokenPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the tokens that the caller may see, the latest first, those that are revoked or expired among them."""
        filters = TokenFilter(request.query_params, queryset=access.tokens(namespace=caller_of(request).namespace))
        order = Order("created_at", is_descending=True)
        return Response(answer_list(request.query_params, filters, order=lambda: order, show=token_as_json))

    @extend_schema(
        operation_id="createToken", summary="Make a token", tags=["access"], request=TokenInput,
        responses={201: NewTokenAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a token and show its secret, this once: only its hash is kept."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        given = read_new_token(request.data)
        token, secret = access.issue_token(given, actor=caller.name, namespace=caller.namespace, now=caller.now)
        # Nothing between here and the caller may keep a copy.
        headers = {"Location": f"/api/v1/tokens/{token.id}", "Cache-Control": "no-store"}
        return Response({**token_as_json(token), "secret": secret}, status=201, headers=headers)


class TokenView(APIView):
    """One token."""

    required_roles = {"GET": Role.ADMIN, "DELETE": Role.ADMIN}

    @extend_schema(operation_id="getToken", summary="Show a token", tags=["access"], responses={200: TokenAnswer})
    def get(self, request: Request, token_id: int) -> Response:
        """Show a token, but for its secret."""
        refuse_all(request.query_params)
        return Response(token_as_json(access.find_token(token_id, namespace=caller_of(request).namespace)))

    @extend_schema(
        operation_id="revokeToken", summary="Revoke a token", tags=["access"],
        responses={204: OpenApiResponse(description="Revoked.")},
    )  # fmt: skip
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke a token at once, the caller's own too; it stays in the list."""
        caller = caller_of(request)
        access.revoke_token(token_id, actor=caller.name, namespace=caller.namespace, now=caller.now)
        return Response(status=204)
