"""The paths that register serves; platform_scheduler.urls joins them with query's, by method."""

from rest_framework.views import APIView

from register.api.inventory import HandlersView, NodesView
from register.api.views import TasksView, TaskView, TriggerView

ROUTES: dict[str, type[APIView]] = {
    "tasks": TasksView,
    "tasks/<uuid:task_id>": TaskView,
    "tasks/<uuid:task_id>/trigger": TriggerView,
    "handlers": HandlersView,
    "nodes": NodesView,
}
