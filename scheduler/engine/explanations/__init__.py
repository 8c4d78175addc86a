"""Explanations: why an execution or a slot ran, ran late or did not, in steps; free of database and clock."""

from scheduler.engine.explanations.attempts import explain_execution
from scheduler.engine.explanations.facts import Around, Awaited, Row, Rules, Seen
from scheduler.engine.explanations.flow import Flow
from scheduler.engine.explanations.slots import SlotFacts, explain_slot
from scheduler.engine.explanations.steps import CLAIM_LATE_AFTER, START_LATE_AFTER, Explanation, Outcome, Step

__all__ = [
    "CLAIM_LATE_AFTER",
    "START_LATE_AFTER",
    "Around",
    "Awaited",
    "Explanation",
    "Flow",
    "Outcome",
    "Row",
    "Rules",
    "Seen",
    "SlotFacts",
    "Step",
    "explain_execution",
    "explain_slot",
]
