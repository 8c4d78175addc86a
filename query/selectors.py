"""Every read of tasks and executions. `namespace` is the one that the caller is bound to, None sees them all."""

from uuid import UUID

from django.db.models import QuerySet

from scheduler.errors import ExecutionNotFound, TaskNotFound
from scheduler.models import Execution, Task


def visible_tasks(*, namespace: str | None) -> QuerySet[Task]:
    """Return the tasks that the caller may see, deleted ones among them."""
    tasks = Task.objects.all()
    return tasks if namespace is None else tasks.filter(namespace=namespace)


def find_task(task_id: UUID, *, namespace: str | None) -> Task:
    """Return one task, deleted or not. Raises TaskNotFound."""
    task = visible_tasks(namespace=namespace).filter(id=task_id).first()
    if task is None:
        raise TaskNotFound
    return task


def history_of(task: Task) -> QuerySet[Execution]:
    """Return a task's executions, the latest slot first: ids begin with the slot's milliseconds."""
    return Execution.objects.filter(task_id=task.id).order_by("-id")


def find_execution(execution_id: UUID, *, namespace: str | None) -> Execution:
    """Return one execution with its task. Raises ExecutionNotFound."""
    executions = Execution.objects.select_related("task").filter(id=execution_id)
    if namespace is not None:
        executions = executions.filter(namespace=namespace)
    execution = executions.first()
    if execution is None:
        raise ExecutionNotFound
    return execution
