"""What a handler may preset for its tasks; when and where a task runs is its owner's to say."""

PRESETTABLE = frozenset(
    "timeoutSeconds maxRetryCount retryPolicy retryOn misfirePolicy misfireGraceSeconds catchUpLimit overlapPolicy "
    "priority queue".split()
)
