"""Every read of tasks and executions. `namespace` is the one that the caller is bound to, None sees them all."""

from uuid import UUID

from django.db.models import QuerySet

from scheduler.errors import ExecutionNotFound, TaskNotFound
from scheduler.models import Execution, ExecutionLog, Task


def visible_tasks(*, namespace: str | None) -> QuerySet[Task]:
    """Return the tasks that the caller may see, deleted ones among them."""
    tasks = Task.objects.select_related("calendar")
    return tasks if namespace is None else tasks.filter(namespace=namespace)


def find_task(task_id: UUID, *, namespace: str | None) -> Task:
    """Return one task, deleted or not. Raises TaskNotFound."""
    task = visible_tasks(namespace=namespace).filter(id=task_id).first()
    if task is None:
        raise TaskNotFound
    return task


def history_of(task: Task) -> QuerySet[Execution]:
    """Return a task's executions."""
    return Execution.objects.filter(task_id=task.id)


def visible_executions(*, namespace: str | None) -> QuerySet[Execution]:
    """Return the executions that the caller may see, with their tasks."""
    executions = Execution.objects.select_related("task")
    if namespace is None:
        return executions
    # A task's namespace never changes; said of both, a filter on tasks looks at those of the namespace only.
    return executions.filter(namespace=namespace, task__namespace=namespace)


def find_execution(execution_id: UUID, *, namespace: str | None) -> Execution:
    """Return one execution with its task. Raises ExecutionNotFound."""
    execution = visible_executions(namespace=namespace).filter(id=execution_id).first()
    if execution is None:
        raise ExecutionNotFound
    return execution


def find_log(execution: Execution) -> ExecutionLog | None:
    """Return what an execution has logged, None where it has not ended or was silent."""
    return ExecutionLog.objects.filter(id=execution.id).first()
