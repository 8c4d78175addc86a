"""Webhooks over HTTP; the gateway sends every path that is not query's here."""

import json
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import webhooks
from register.api.preconditions import accepted_versions
from register.api.reading import read_nothing
from register.api.serializers import NothingInput
from register.api.webhook_input import (
    BulkReplayInput,
    WebhookInput,
    read_bulk_replay,
    read_new_webhook,
    read_webhook_changes,
)
from scheduler.answers import (
    DeliveryAnswer,
    DeliveryPage,
    NewWebhookAnswer,
    ReplayedAnswer,
    WebhookAnswer,
    WebhookPage,
)
from scheduler.engine.webhooks import EVENTS, NOTIFICATION, TEST
from scheduler.filtering import ListFilter, WordsFilter
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import Delivery, Webhook
from scheduler.models.choices import Role
from scheduler.models.webhook import DeliveryStatus
from scheduler.parameters import refuse_all
from scheduler.representations import Json, etag, instant
from scheduler.tokens import caller_of

_IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The webhook's ETag, or *.")
# Nothing between here and the caller may keep a copy of a secret.
_NO_STORE = {"Cache-Control": "no-store"}


class WebhookFilter(ListFilter):
    """The list of webhooks."""

    class Meta:
        model = Webhook
        fields: list[str] = []


class DeliveryFilter(ListFilter):
    """The list of a webhook's deliveries."""

    status = WordsFilter(words=tuple(DeliveryStatus.values))
    event = WordsFilter(words=(*EVENTS, TEST, NOTIFICATION))

    class Meta:
        model = Delivery
        fields: list[str] = []


class WebhookViews(APIView):
    """Urls may hold keys: whoever may not define tasks does not see them."""

    required_roles = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), Role.EDITOR)


class WebhooksView(WebhookViews):
    """All webhooks."""

    @extend_schema(
        operation_id="listWebhooks", summary="List webhooks", tags=["webhooks"], parameters=PAGING_PARAMETERS,
        responses={200: WebhookPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the webhooks that the caller may see, the latest first."""
        filters = WebhookFilter(request.query_params, queryset=webhooks.listed(namespace=caller_of(request).namespace))
        order = Order("created_at", is_descending=True)
        return Response(answer_list(request.query_params, filters, order=lambda: order, show=webhook_as_json))

    @extend_schema(
        operation_id="createWebhook", summary="Create a webhook", tags=["webhooks"], request=WebhookInput,
        responses={201: NewWebhookAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Create a webhook and show its secret, this once."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        given = read_new_webhook(request.data)
        webhook, secret = webhooks.create_webhook(given, actor=caller.name, namespace=caller.namespace, now=caller.now)
        headers = {"Location": f"/api/v1/webhooks/{webhook.id}", "ETag": etag(webhook), **_NO_STORE}
        return Response({**webhook_as_json(webhook), "secret": secret}, status=201, headers=headers)


class WebhookView(WebhookViews):
    """One webhook."""

    @extend_schema(
        operation_id="getWebhook", summary="Show a webhook", tags=["webhooks"], responses={200: WebhookAnswer}
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """Show a webhook, but for its secret."""
        refuse_all(request.query_params)
        return _answer(webhooks.find(webhook_id, namespace=caller_of(request).namespace))

    @extend_schema(
        operation_id="updateWebhook", summary="Change a webhook", tags=["webhooks"],
        request=WebhookInput(partial=True), parameters=[_IF_MATCH], responses={200: WebhookAnswer},
    )  # fmt: skip
    def put(self, request: Request, webhook_id: UUID) -> Response:
        """Change the fields given and keep the others."""
        return self._change(request, webhook_id)

    @extend_schema(
        operation_id="patchWebhook", summary="Change a webhook", tags=["webhooks"],
        request=WebhookInput(partial=True), parameters=[_IF_MATCH], responses={200: WebhookAnswer},
    )  # fmt: skip
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        """Change the fields given and keep the others, as PUT does."""
        return self._change(request, webhook_id)

    @extend_schema(
        operation_id="deleteWebhook", summary="Delete a webhook", tags=["webhooks"], parameters=[_IF_MATCH],
        responses={204: OpenApiResponse(description="Deleted.")},
    )  # fmt: skip
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Delete a webhook: it is told nothing more."""
        caller = caller_of(request)
        versions = accepted_versions(request)
        webhooks.delete_webhook(webhook_id, namespace=caller.namespace, versions=versions, now=caller.now)
        return Response(status=204)

    def _change(self, request: Request, webhook_id: UUID) -> Response:
        caller = caller_of(request)
        given, versions = read_webhook_changes(request.data), accepted_versions(request)
        return _answer(
            webhooks.change_webhook(webhook_id, given, namespace=caller.namespace, versions=versions, now=caller.now)
        )


class RotateView(WebhookViews):
    """New secrets."""

    @extend_schema(
        operation_id="rotateWebhookSecret", summary="Give a webhook a new secret", tags=["webhooks"],
        request=NothingInput, responses={200: NewWebhookAnswer},
    )  # fmt: skip
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Make a new secret and show it, this once; for a day deliveries are signed with the old one too."""
        read_nothing(request.data)
        caller = caller_of(request)
        webhook, secret = webhooks.rotate_secret(webhook_id, namespace=caller.namespace, now=caller.now)
        headers = {"ETag": etag(webhook), **_NO_STORE}
        return Response({**webhook_as_json(webhook), "secret": secret}, headers=headers)


class WebhookTestView(WebhookViews):
    """Deliveries that say nothing."""

    @extend_schema(
        operation_id="testWebhook", summary="Send a webhook a test", tags=["webhooks"], request=NothingInput,
        responses={202: DeliveryAnswer},
    )  # fmt: skip
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Send a delivery of the type webhook.test, whatever the webhook wants to be told of."""
        read_nothing(request.data)
        caller = caller_of(request)
        return _sent(webhooks.send_test(webhook_id, namespace=caller.namespace, now=caller.now))


class DeliveriesView(WebhookViews):
    """The deliveries of a webhook."""

    @extend_schema(
        operation_id="listDeliveries", summary="List a webhook's deliveries", tags=["webhooks"],
        parameters=[
            OpenApiParameter("status", description=f"{', '.join(DeliveryStatus.values)}; several with commas."),
            OpenApiParameter("event", description="One or more events, separated by commas."), *PAGING_PARAMETERS,
        ],
        responses={200: DeliveryPage},
    )  # fmt: skip
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """List the deliveries of the last 30 days, the latest first, with how each try went."""
        found = webhooks.deliveries(webhook_id, namespace=caller_of(request).namespace)
        filters = DeliveryFilter(request.query_params, queryset=found)
        order = Order("created_at", is_descending=True)
        return Response(answer_list(request.query_params, filters, order=lambda: order, show=delivery_as_json))


class DeliveryView(WebhookViews):
    """One delivery of a webhook."""

    @extend_schema(
        operation_id="getDelivery", summary="Show a delivery", tags=["webhooks"],
        responses={200: DeliveryAnswer},
    )  # fmt: skip
    def get(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        """Show a delivery, and how each try went."""
        refuse_all(request.query_params)
        namespace = caller_of(request).namespace
        return Response(delivery_as_json(webhooks.find_delivery(webhook_id, delivery_id, namespace=namespace)))


class ReplayView(WebhookViews):
    """Deliveries that are sent again."""

    @extend_schema(
        operation_id="replayDelivery", summary="Send a delivery again", tags=["webhooks"], request=NothingInput,
        responses={202: DeliveryAnswer},
    )  # fmt: skip
    def post(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        """Send a delivery again, under its own id, whether it was DELIVERED or has FAILED."""
        read_nothing(request.data)
        caller = caller_of(request)
        return _sent(webhooks.replay(webhook_id, delivery_id, namespace=caller.namespace, now=caller.now))


class BulkReplayView(WebhookViews):
    """Many deliveries that are sent again."""

    @extend_schema(
        operation_id="replayDeliveries", summary="Send many deliveries again", tags=["webhooks"],
        request=BulkReplayInput, responses={202: ReplayedAnswer},
    )  # fmt: skip
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Send the deliveries again that have FAILED, or were DELIVERED, each under its own id, the oldest first."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        which = read_bulk_replay(request.data)
        count = webhooks.replay_many(webhook_id, which, namespace=caller.namespace, now=caller.now)
        return Response({"replayed": count, "mayBeMore": count == webhooks.MOST_REPLAYED}, status=202)


def webhook_as_json(webhook: Webhook) -> Json:
    """Return a webhook; its secret is stored nowhere."""
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "events": webhook.events,
        "namespace": webhook.namespace,
        "description": webhook.description,
        "isActive": webhook.is_active,
        "switchedOffAt": instant(webhook.switched_off_at),
        "switchedOffReason": webhook.switched_off_reason,
        "failureCount": webhook.failure_count,
        "failingSince": instant(webhook.failing_since),
        "version": webhook.version,
        "createdAt": instant(webhook.created_at),
        "createdBy": webhook.created_by,
        "updatedAt": instant(webhook.updated_at),
    }


def delivery_as_json(delivery: Delivery) -> Json:
    """Return a delivery with how its tries went."""
    return {
        "id": str(delivery.id),
        "webhookId": str(delivery.webhook_id),
        "event": delivery.event,
        "status": delivery.status,
        "body": json.loads(delivery.body),
        "attemptCount": delivery.attempt_count,
        "attempts": delivery.attempts,
        "nextAttemptAt": instant(delivery.next_attempt_at) if delivery.status == DeliveryStatus.PENDING else None,
        "createdAt": instant(delivery.created_at),
        "endedAt": instant(delivery.ended_at),
    }


def _answer(webhook: Webhook) -> Response:
    return Response(webhook_as_json(webhook), headers={"ETag": etag(webhook)})


def _sent(delivery: Delivery) -> Response:
    location = f"/api/v1/webhooks/{delivery.webhook_id}/deliveries/{delivery.id}"
    return Response(delivery_as_json(delivery), status=202, headers={"Location": location})
