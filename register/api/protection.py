"""Protection over HTTP."""

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import protection
from register.api.inventory import refuse_parameters
from scheduler.answers import ProtectionAnswer
from scheduler.engine.protection import Level
from scheduler.models import Protection
from scheduler.representations import instant
from scheduler.tokens import caller_of


class ProtectionView(APIView):
    """What the platform does by itself under load."""

    @extend_schema(
        operation_id="getProtection", summary="Show protection", tags=["control"], responses={200: ProtectionAnswer}
    )
    def get(self, request: Request) -> Response:
        """Show how much is let go, by which measurements."""
        refuse_parameters(request)
        found, held_count, holding = protection.find(bound_to=caller_of(request).namespace)
        row = found or Protection(level=Level.NORMAL)
        return Response(
            {
                "level": row.level,
                "isOn": settings.PROTECTION,
                "since": instant(row.since),
                "decidedAt": instant(row.decided_at),
                "maxDispatchPerSecond": row.rate,
                "exceeded": row.exceeded,
                "measured": row.measured,
                "heldCount": held_count,
                "shedPriority": holding.shed_priority,
                "held": holding.executions,
                "heldDeliveries": holding.deliveries,
            }
        )
