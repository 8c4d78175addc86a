"""The tables. Every app reads them; who writes what is said in each module."""

from scheduler.models.access import ApiToken
from scheduler.models.audit import AuditRecord
from scheduler.models.batch import Batch
from scheduler.models.calendar import Calendar
from scheduler.models.change import Change, Listener
from scheduler.models.dependency import Dependency, UpstreamEnd
from scheduler.models.event import Event
from scheduler.models.execution import Execution, ExecutionLog
from scheduler.models.flow import FlowControl, FlowState
from scheduler.models.forecast import Forecast, ForecastRun
from scheduler.models.handler import Handler
from scheduler.models.idempotency import IdempotencyKey
from scheduler.models.lease import Lease
from scheduler.models.namespace import Namespace
from scheduler.models.node import Node
from scheduler.models.notice import Channel, FailingTask, Notice
from scheduler.models.operation import Operation, OperationItem
from scheduler.models.permit import Permit
from scheduler.models.revision import CalendarRevision, Revision
from scheduler.models.rollup import Ending, NamespaceRollUp, TaskRollUp
from scheduler.models.search import TaskSearch
from scheduler.models.sla import Breach, SlaRollUp
from scheduler.models.task import Task
from scheduler.models.template import Instance, Template, TemplateRevision
from scheduler.models.webhook import Delivery, OutboxEntry, Webhook

__all__ = [
    "ApiToken",
    "AuditRecord",
    "Batch",
    "Breach",
    "Calendar",
    "CalendarRevision",
    "Change",
    "Channel",
    "Delivery",
    "Dependency",
    "Ending",
    "Event",
    "Execution",
    "ExecutionLog",
    "FailingTask",
    "FlowControl",
    "FlowState",
    "Forecast",
    "ForecastRun",
    "Handler",
    "IdempotencyKey",
    "Instance",
    "Lease",
    "Listener",
    "Namespace",
    "NamespaceRollUp",
    "Node",
    "Notice",
    "Operation",
    "OperationItem",
    "OutboxEntry",
    "Permit",
    "Revision",
    "SlaRollUp",
    "Task",
    "TaskRollUp",
    "TaskSearch",
    "Template",
    "TemplateRevision",
    "UpstreamEnd",
    "Webhook",
]
