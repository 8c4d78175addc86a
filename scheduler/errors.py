"""The family of errors that callers may meet; platform_scheduler.problems maps each to its HTTP answer, once."""


class SchedulerError(Exception):
    """The scheduler refused."""


class TaskNotFound(SchedulerError):
    """No such task, or not one that this token may see."""


class TaskDeleted(SchedulerError):
    """The task is deleted; its history stays readable, but it cannot run or change."""


class BrokerUnavailable(SchedulerError):
    """The broker did not take the messages; the rows stay QUEUED and the sweep publishes them."""
