"""The paths that register serves; platform_scheduler.urls joins them with query's, by method."""

from rest_framework.views import APIView

from register.api.actions import ExecutionActionView, TaskActionView
from register.api.audit import AuditRecordView, AuditView
from register.api.backfills import (
    AbortView,
    ApproveView,
    BackfillView,
    DropView,
    OperationsView,
    OperationView,
    ThrottleView,
)
from register.api.bulk import BulkView
from register.api.calendars import CalendarPreviewView, CalendarsView, CalendarView, ClosedDaysView
from register.api.circuits import CircuitResetView, CircuitsView
from register.api.events import EventsView, EventView
from register.api.executions import CancelView, RetryView
from register.api.flow_control import FlowControlView, FlowPlanView
from register.api.inventory import HandlersView, NodesView, QueuesView
from register.api.namespaces import NamespacesView, NamespaceView
from register.api.operations import PauseView, ResumeView, SkipView, TriggerView
from register.api.planning import PreviewView, ValidateView
from register.api.protection import ProtectionView
from register.api.revisions import RestoreView
from register.api.runs import RunRetryView
from register.api.templates import ApplyView, InstantiateView, TemplateRevisionsView, TemplatesView, TemplateView
from register.api.tokens import TokensView, TokenView
from register.api.views import CloneView, TasksView, TaskView
from register.api.webhooks import (
    BulkReplayView,
    DeliveriesView,
    DeliveryView,
    ReplayView,
    RotateView,
    WebhooksView,
    WebhookTestView,
    WebhookView,
)

ROUTES: dict[str, type[APIView]] = {
    "tasks": TasksView,
    "tasks/bulk": BulkView,
    "tasks/bulk-action": TaskActionView,
    "executions/bulk-action": ExecutionActionView,
    "tasks/validate": ValidateView,
    "tasks/<uuid:task_id>": TaskView,
    "tasks/<uuid:task_id>/trigger": TriggerView,
    "tasks/<uuid:task_id>/pause": PauseView,
    "tasks/<uuid:task_id>/resume": ResumeView,
    "tasks/<uuid:task_id>/skip": SkipView,
    "tasks/<uuid:task_id>/clone": CloneView,
    "tasks/<uuid:task_id>/backfill": BackfillView,
    "tasks/<uuid:task_id>/revisions/<int:version>/restore": RestoreView,
    "operations": OperationsView,
    "operations/<uuid:operation_id>": OperationView,
    "operations/<uuid:operation_id>/abort": AbortView,
    "operations/<uuid:operation_id>/approve": ApproveView,
    "operations/<uuid:operation_id>/throttle": ThrottleView,
    "operations/<uuid:operation_id>/drop": DropView,
    "executions/<uuid:execution_id>/cancel": CancelView,
    "executions/<uuid:execution_id>/retry": RetryView,
    "runs/<uuid:run_id>/retry": RunRetryView,
    "schedules/preview": PreviewView,
    "calendars": CalendarsView,
    "calendars/preview": CalendarPreviewView,
    "calendars/<uuid:calendar_id>": CalendarView,
    "calendars/<uuid:calendar_id>/closed": ClosedDaysView,
    "templates": TemplatesView,
    "templates/<uuid:template_id>": TemplateView,
    "templates/<uuid:template_id>/revisions": TemplateRevisionsView,
    "templates/<uuid:template_id>/instantiate": InstantiateView,
    "templates/<uuid:template_id>/apply": ApplyView,
    "namespaces": NamespacesView,
    "namespaces/<str:name>": NamespaceView,
    "flow-control": FlowControlView,
    "flow-control/planned/<int:plan_id>": FlowPlanView,
    "protection": ProtectionView,
    "circuits": CircuitsView,
    "circuits/<str:name>/reset": CircuitResetView,
    "tokens": TokensView,
    "tokens/<int:token_id>": TokenView,
    "audit": AuditView,
    "audit/<int:record_id>": AuditRecordView,
    "events": EventsView,
    "events/<uuid:event_id>": EventView,
    "webhooks": WebhooksView,
    "webhooks/<uuid:webhook_id>": WebhookView,
    "webhooks/<uuid:webhook_id>/rotate": RotateView,
    "webhooks/<uuid:webhook_id>/test": WebhookTestView,
    "webhooks/<uuid:webhook_id>/deliveries": DeliveriesView,
    "webhooks/<uuid:webhook_id>/deliveries/replay": BulkReplayView,
    "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>": DeliveryView,
    "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay": ReplayView,
    "handlers": HandlersView,
    "nodes": NodesView,
    "queues": QueuesView,
}
