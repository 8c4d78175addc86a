"""What operators do with an execution: cancel it, try it again. Each verb is one transaction.

`namespace` is the one that the caller is bound to, None for a caller of every namespace.
"""

from datetime import datetime
from uuid import UUID

from django.db.transaction import atomic

from register import journal
from register.errors import ExecutionEnded, NotRetryable
from register.locking import publish_after_commit
from scheduler import claims, connections, requests
from scheduler.errors import ExecutionNotFound
from scheduler.models import Execution
from scheduler.models.choices import AuditVerb
from scheduler.representations import instant

REASON_LENGTH = 255


def cancel_execution(execution_id: UUID, *, actor: str, namespace: str | None, now: datetime) -> Execution:
    """Cancel what waits at once; ask what runs to end, which its worker sees to. Asking twice asks once.

    Raises ExecutionNotFound, ExecutionEnded.
    """
    with atomic():
        _visible(execution_id, namespace=namespace)
        # What was before is asked under the lock: it goes into the audit.
        claims.attempt(connections.current(), execution_id)
        before = _visible(execution_id, namespace=namespace)
        reason = f"cancelled by {actor}"[:REASON_LENGTH]
        if not requests.cancel(connections.current(), execution_id, reason=reason, now=now):
            raise ExecutionEnded
        execution = _visible(execution_id, namespace=namespace)
        was, is_now = _standing(before), _standing(execution)
        if is_now != was:
            journal.note(AuditVerb.CANCEL, execution, before=was, after=is_now, now=now)
    return execution


def retry_execution(execution_id: UUID, *, namespace: str | None, now: datetime) -> Execution:
    """Try the execution's slot again, as its next attempt, and return that.

    Raises ExecutionNotFound, TaskDeleted, NotRetryable.
    """
    with atomic():
        execution = _visible(execution_id, namespace=namespace)
        refusal, retry, ready = requests.retry(connections.current(), execution_id, now=now)
        if retry is None:
            raise NotRetryable(refusal)
        publish_after_commit(ready, now=now)
        attempt = _visible(retry, namespace=namespace)
        journal.retried([(execution, attempt)], now=now)
    return attempt


def _standing(execution: Execution) -> dict[str, str | None]:
    return {"status": execution.status, "cancelRequestedAt": instant(execution.cancel_requested_at)}


def _visible(execution_id: UUID, *, namespace: str | None) -> Execution:
    executions = Execution.objects.select_related("task").filter(id=execution_id)
    if namespace is not None:
        executions = executions.filter(namespace=namespace)
    execution = executions.first()
    if execution is None:
        raise ExecutionNotFound
    return execution
