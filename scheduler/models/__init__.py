"""The tables. Every app reads them; who writes what is said in each module."""

from scheduler.models.access import ApiToken, Seat
from scheduler.models.audit import AuditRecord
from scheduler.models.batch import Batch
from scheduler.models.calendar import Calendar
from scheduler.models.change import Change, Listener
from scheduler.models.circuit import Circuit, CircuitCall
from scheduler.models.dependency import Dependency, UpstreamEnd
from scheduler.models.event import Event
from scheduler.models.execution import Execution, ExecutionLog
from scheduler.models.flow import FlowControl, FlowState
from scheduler.models.forecast import Forecast, ForecastDay, ForecastRun
from scheduler.models.handler import Handler
from scheduler.models.idempotency import IdempotencyKey
from scheduler.models.lease import Lease
from scheduler.models.namespace import Namespace
from scheduler.models.node import Node
from scheduler.models.notice import Channel, FailingTask, Notice
from scheduler.models.operation import Operation, OperationItem
from scheduler.models.permit import Permit
from scheduler.models.protection import Protection
from scheduler.models.revision import CalendarRevision, Revision
from scheduler.models.rollup import Ending, Failing, LastRun, NamespaceRollUp, QueueRollUp, TaskRollUp
from scheduler.models.search import TaskSearch
from scheduler.models.sla import Breach, SlaRollUp, SlaWeek
from scheduler.models.slotaudit import SlotAudit, SlotAuditTask, SlotFault
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
    "Circuit",
    "CircuitCall",
    "Delivery",
    "Dependency",
    "Ending",
    "Event",
    "Execution",
    "ExecutionLog",
    "Failing",
    "FailingTask",
    "FlowControl",
    "FlowState",
    "Forecast",
    "ForecastDay",
    "ForecastRun",
    "Handler",
    "IdempotencyKey",
    "Instance",
    "LastRun",
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
    "Protection",
    "QueueRollUp",
    "Revision",
    "Seat",
    "SlaRollUp",
    "SlaWeek",
    "SlotAudit",
    "SlotAuditTask",
    "SlotFault",
    "Task",
    "TaskRollUp",
    "TaskSearch",
    "Template",
    "TemplateRevision",
    "UpstreamEnd",
    "Webhook",
]
