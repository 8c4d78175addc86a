"""The words of the answers that are one of a few."""

from scheduler.engine.calendars import CalendarPolicy
from scheduler.engine.circuits import CircuitPolicy, State
from scheduler.engine.explanations import Outcome
from scheduler.engine.notifications import Kind, Occasion
from scheduler.engine.protection import Level
from scheduler.engine.sla import Promise
from scheduler.engine.states import Status, TaskStatus
from scheduler.engine.workflows import Condition, Mode
from scheduler.models.choices import (
    OverlapPolicy,
    Role,
)
from scheduler.models.webhook import DeliveryStatus

TASK_STATUSES = [status.value for status in TaskStatus]
EXECUTION_STATUSES = [status.value for status in Status]
OVERLAP_POLICIES = OverlapPolicy.values
CONDITIONS = [condition.value for condition in Condition]
DEPENDENCY_MODES = [mode.value for mode in Mode]
CALENDAR_POLICIES = [policy.value for policy in CalendarPolicy]
CIRCUIT_POLICIES = [policy.value for policy in CircuitPolicy]
CIRCUIT_STATES = [state.value for state in State]
PROTECTION_LEVELS = [level.value for level in Level]
ROLES = Role.values
OCCASIONS = [occasion.value for occasion in Occasion]
CHANNEL_KINDS = [kind.value for kind in Kind]
DELIVERY_STATUSES = DeliveryStatus.values
EXPLAINED_OUTCOMES = [outcome.value for outcome in Outcome]
RECORD_OUTCOMES = ["created", "updated", "unchanged", "failed"]
PROMISES = [promise.value for promise in Promise]
