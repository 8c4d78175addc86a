"""The surroundings of definitions as the database has them: each is looked up once, or once a batch."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from django.db.models import Q

from register.calendars import naming
from scheduler import connections, dayloads, namespaces
from scheduler.engine.flex import DayLoad
from scheduler.models import Calendar, Handler, Webhook


class Stored:
    """`register.surroundings.Surroundings`, remembered for as long as a request or a batch takes."""

    def __init__(self, handlers: Sequence[Handler] | None = None) -> None:
        """Look everything up; `handlers` are taken for those that are announced."""
        self._is_complete = handlers is not None
        self._handlers: dict[str, Handler | None] = {one.task_class: one for one in handlers or ()}
        self._task_classes = list(self._handlers) if self._is_complete else None
        self._calendars: dict[tuple[str, str], Calendar | None] = {}
        self._calendars_by_id: dict[UUID, Calendar | None] = {}
        self._calendar_names: dict[str, list[str]] = {}
        self._secret_names: dict[str, list[str]] = {}
        self._webhooks: dict[tuple[UUID, str], bool] = {}
        self._loads: dict[str, Mapping[str, DayLoad]] = {}

    def look_up(self, task_classes: Collection[str]) -> None:
        """Read the handlers of many names at once."""
        unknown = set(task_classes) - self._handlers.keys()
        found = Handler.objects.in_bulk(list(unknown)) if unknown and not self._is_complete else {}
        self._handlers |= dict.fromkeys(unknown) | found

    def handler(self, task_class: str) -> Handler | None:
        """Return the handler of a public name, if some worker has announced it."""
        if task_class not in self._handlers:
            self.look_up([task_class])
        return self._handlers[task_class]

    def task_classes(self) -> Collection[str]:
        """Return the public names of all handlers."""
        if self._task_classes is None:
            self._task_classes = list(Handler.objects.order_by("task_class").values_list("task_class", flat=True))
        return self._task_classes

    def calendar(self, name: str, *, namespace: str) -> Calendar | None:
        """Return the calendar that tasks of a namespace mean by a name: its own comes before a shared one."""
        if (name, namespace) not in self._calendars:
            named = naming.visible(namespace=namespace).filter(name=name)
            self._calendars[name, namespace] = found = named.order_by("namespace").first()  # NULL, the shared one, last
            if found is not None:
                self._calendars_by_id[found.id] = found
        return self._calendars[name, namespace]

    def calendar_names(self, *, namespace: str) -> Collection[str]:
        """Return the names of the calendars that tasks of a namespace may use."""
        if namespace not in self._calendar_names:
            names = naming.visible(namespace=namespace).values_list("name", flat=True)
            self._calendar_names[namespace] = list(names)
        return self._calendar_names[namespace]

    def calendar_of(self, calendar_id: UUID) -> Calendar | None:
        """Return a calendar by its id."""
        if calendar_id not in self._calendars_by_id:
            self._calendars_by_id[calendar_id] = Calendar.objects.filter(id=calendar_id).first()
        return self._calendars_by_id[calendar_id]

    def secret_names(self, namespace: str) -> Collection[str]:
        """Return which secrets the tasks of a namespace may name; none where only the worker knows."""
        if namespace not in self._secret_names:
            self._secret_names[namespace] = namespaces.secret_names(connections.current(), namespace)
        return self._secret_names[namespace]

    def has_webhook(self, webhook_id: UUID, *, namespace: str) -> bool:
        """Tell whether there is a webhook that people of a namespace may be notified by: its own, or one of all."""
        if (webhook_id, namespace) not in self._webhooks:
            heard = Q(namespace=namespace) | Q(namespace=None)
            found = Webhook.objects.filter(heard, id=webhook_id, deleted_at=None).exists()
            self._webhooks[webhook_id, namespace] = found
        return self._webhooks[webhook_id, namespace]

    def loads(self, queue: str) -> Mapping[str, DayLoad]:
        """Return what is forecast of a queue, by its name; nothing where nobody knows."""
        if queue not in self._loads:
            self._loads[queue] = dayloads.of_queues(connections.current(), [queue])
        return self._loads[queue]
