"""The paths that query serves; platform_scheduler.urls joins them with register's, by method."""

from rest_framework.views import APIView

from query.api.executions import ExecutionsView, ExecutionView, HistoryView, LogView
from query.api.explain import ExecutionExplainView, SlotExplainView
from query.api.forecast import ForecastView
from query.api.metrics import MetricsView
from query.api.prediction import PredictionView
from query.api.revisions import RevisionsView, RevisionView
from query.api.sla import BreachesView, SlaView
from query.api.slotfaults import SlotFaultsView
from query.api.stats import OverviewView, TimelineView
from query.api.stream import StreamView
from query.api.upcoming import UpcomingView
from query.api.views import TasksView, TaskView
from query.api.workflows import GraphView, RunView

ROUTES: dict[str, type[APIView]] = {
    "tasks": TasksView,
    "tasks/<uuid:task_id>": TaskView,
    "tasks/<uuid:task_id>/history": HistoryView,
    "tasks/<uuid:task_id>/metrics": MetricsView,
    "tasks/<uuid:task_id>/upcoming": UpcomingView,
    "tasks/<uuid:task_id>/prediction": PredictionView,
    "tasks/<uuid:task_id>/explain": SlotExplainView,
    "tasks/<uuid:task_id>/revisions": RevisionsView,
    "tasks/<uuid:task_id>/revisions/<int:version>": RevisionView,
    "tasks/<uuid:task_id>/graph": GraphView,
    "runs/<uuid:run_id>": RunView,
    "executions": ExecutionsView,
    "executions/<uuid:execution_id>": ExecutionView,
    "executions/<uuid:execution_id>/log": LogView,
    "executions/<uuid:execution_id>/explain": ExecutionExplainView,
    "stream": StreamView,
    "sla": SlaView,
    "sla/breaches": BreachesView,
    "forecast": ForecastView,
    "stats/overview": OverviewView,
    "stats/timeline": TimelineView,
    "stats/slot-faults": SlotFaultsView,
}
