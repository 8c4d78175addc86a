"""Workflows: the graph around a task, and one run of it."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer
from scheduler.answers.executions import ExecutionAnswer
from scheduler.answers.words import CONDITIONS, DEPENDENCY_MODES, EXECUTION_STATUSES, TASK_STATUSES
from scheduler.engine.states import Trigger
from scheduler.engine.workflows import Verdict

RUN_STATUSES = ["RUNNING", "SUCCESS", "FAILED", "CANCELLED", "SKIPPED"]


class GraphNodeAnswer(Answer):
    taskId = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField()
    status = serializers.ChoiceField(TASK_STATUSES)
    dependencyMode = serializers.ChoiceField(DEPENDENCY_MODES)
    nextExecutionTime = serializers.DateTimeField(allow_null=True)
    lastExecutedAt = serializers.DateTimeField(allow_null=True)


class GraphEdgeAnswer(Answer):
    upstreamId = serializers.UUIDField()
    taskId = serializers.UUIDField(help_text="The task that waits for it.")
    condition = serializers.ChoiceField(CONDITIONS)
    isSlowest = serializers.BooleanField(help_text="Whether the task runs once for each slot of this one.")


class GraphAnswer(Answer):
    taskId = serializers.UUIDField()
    nodes: Any = GraphNodeAnswer(many=True, help_text="By name; at most 1,000.")
    edges: Any = GraphEdgeAnswer(many=True)


class RunNodeAnswer(Answer):
    taskId = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField()
    dependencyMode = serializers.ChoiceField(DEPENDENCY_MODES)
    isInRun = serializers.BooleanField(help_text="false of what follows another root, and only satisfies a condition.")
    executionId = serializers.UUIDField(allow_null=True, help_text="The latest attempt; null where there is none yet.")
    status = serializers.ChoiceField(EXECUTION_STATUSES, allow_null=True)
    reason = serializers.CharField(allow_null=True)
    attempt = serializers.IntegerField(allow_null=True)
    scheduledFor = serializers.DateTimeField(allow_null=True)
    startTime = serializers.DateTimeField(allow_null=True)
    endTime = serializers.DateTimeField(allow_null=True)
    executionTimeMs = serializers.IntegerField(allow_null=True)


class RunEdgeAnswer(Answer):
    upstreamId = serializers.UUIDField()
    taskId = serializers.UUIDField(help_text="The task that waits for it.")
    condition = serializers.ChoiceField(CONDITIONS)
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict], help_text="What it comes to by now.")


class RunAnswer(Answer):
    runId = serializers.UUIDField(help_text="The id of its root's first attempt.")
    taskId = serializers.UUIDField(help_text="The root.")
    taskName = serializers.CharField()
    namespace = serializers.CharField()
    scheduledFor = serializers.DateTimeField(help_text="The slot of the root, and so of the run.")
    trigger = serializers.ChoiceField([trigger.value for trigger in Trigger], help_text="What began it.")
    status = serializers.ChoiceField(RUN_STATUSES, help_text="RUNNING, or the worst of what its tasks came to.")
    endedAt = serializers.DateTimeField(allow_null=True)
    nodes: Any = RunNodeAnswer(many=True, help_text="By name.")
    edges: Any = RunEdgeAnswer(many=True)


class RefusalAnswer(Answer):
    taskId = serializers.UUIDField()
    message = serializers.CharField()


class RetriedRunAnswer(Answer):
    runId = serializers.UUIDField()
    retried: Any = ExecutionAnswer(many=True, help_text="The new attempts.")
    refused: Any = RefusalAnswer(many=True, help_text="What failed and cannot be tried again now, with the reason.")
