"""The tables. Every app reads them; who writes what is said in each module."""

from scheduler.models.access import ApiToken
from scheduler.models.batch import Batch
from scheduler.models.calendar import Calendar
from scheduler.models.execution import Execution, ExecutionLog
from scheduler.models.handler import Handler
from scheduler.models.idempotency import IdempotencyKey
from scheduler.models.lease import Lease
from scheduler.models.namespace import Namespace
from scheduler.models.node import Node
from scheduler.models.operation import Operation, OperationItem
from scheduler.models.permit import Permit
from scheduler.models.task import Task

__all__ = [
    "ApiToken",
    "Batch",
    "Calendar",
    "Execution",
    "ExecutionLog",
    "Handler",
    "IdempotencyKey",
    "Lease",
    "Namespace",
    "Node",
    "Operation",
    "OperationItem",
    "Permit",
    "Task",
]
