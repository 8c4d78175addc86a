"""A template as teams write one."""

from typing import Any

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "minLength": 2},
        "days": {"type": "integer", "minimum": 0, "default": 7},
    },
    "required": ["region"],
}
DEFINITION: dict[str, Any] = {
    "name": "Cleanup ${region}",
    "taskClass": "com.platform.tasks.CleanupTask",
    "taskData": {"retentionDays": "${days}", "path": "/data/${region}"},
    "cronExpression": "0 0 3 * * ?",
    "labels": {"region": "${region}"},
}
CLEANUP: dict[str, Any] = {"name": "cleanup", "parameters": PARAMETERS, "definition": DEFINITION}
