"""The paths that query serves; platform_scheduler.urls joins them with register's, by method."""

from rest_framework.views import APIView

from query.api.views import ExecutionView, HistoryView, TasksView, TaskView

ROUTES: dict[str, type[APIView]] = {
    "tasks": TasksView,
    "tasks/<uuid:task_id>": TaskView,
    "tasks/<uuid:task_id>/history": HistoryView,
    "executions/<uuid:execution_id>": ExecutionView,
}
