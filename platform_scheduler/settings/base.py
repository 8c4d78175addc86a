"""What all profiles share."""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from platform_scheduler import __version__
from platform_scheduler.settings.environment import (
    broker_options,
    broker_url,
    database,
    days,
    env,
    gigabytes,
    grouping,
    hours,
    json_object,
    log_level,
    name_lists,
    networks,
    one_of,
    port,
    protection_limits,
    request_rates,
    seconds,
    secret_key,
    web_address,
    whole_number,
)
from scheduler.engine import bundles

BASE_DIR = Path(__file__).resolve().parents[2]

# What nodes, pages and metrics say of their version; a build may name itself, as in 1.0.0+3f2c1ab.
VERSION: str = env.str("PLATFORM_SCHEDULER_VERSION", "") or __version__

SECRET_KEY = secret_key()
DEBUG = False
# Probes on this machine come by these names, whatever the clients' are.
ALLOWED_HOSTS: list[str] = [*env.list("ALLOWED_HOSTS", []), "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
DATA_DIR = Path(env.str("DATA_DIR", str(BASE_DIR / ".local")))

# Where `backup` writes; without it into DATA_DIR.
BACKUP_DIR: Path | None = Path(env.str("BACKUP_DIR")) if env.str("BACKUP_DIR", "") else None

# Django's admin with the pages of every app; whoever serves none imports none (settings.headless).
CONSOLE = "platform_scheduler.console.apps.ConsoleConfig"
INSTALLED_APPS = [
    # Before the admin, whose templates it overrides.
    "platform_scheduler",
    CONSOLE,
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "scheduler",
    "register",
    "query",
]

MIDDLEWARE = [
    "platform_scheduler.request_ids.RequestIds",
    "platform_scheduler.metrics.RequestMetrics",
    "platform_scheduler.headers.StrictHeaders",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "platform_scheduler.overload.Overload",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "platform_scheduler.acting.Acting",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "scheduler.standing.beside_pages",
            ]
        },
    }
]

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "platform_scheduler.console.seats.SeatBackend",
]

ROOT_URLCONF = "platform_scheduler.urls.all"
WSGI_APPLICATION = "platform_scheduler.wsgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": database("DATABASE_URL")}

LANGUAGE_CODE = "en-us"
USE_I18N = False
FORMAT_MODULE_PATH = ["platform_scheduler.formats"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
# The embedded default serves what the packages carry; an image collects them once into STATIC_ROOT.
STATIC_ROOT: str | None = env.str("STATIC_ROOT", None)
WHITENOISE_USE_FINDERS = STATIC_ROOT is None

SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
# Everything comes from our own origin, and nothing that stands in a page is run: what a task's name, error or log holds
# stays text.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# On where the gateway terminates TLS; a laptop on 127.0.0.1 has none.
BEHIND_TLS: bool = env.bool("BEHIND_TLS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
# Whoever asks these comes past the gateway, by plain HTTP.
SECURE_REDIRECT_EXEMPT = ["^health/", "^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
# A working day, whatever the browser keeps open; scripts have no business with either cookie.
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# A whole request's body; single fields have bounds of their own.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["platform_scheduler.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["platform_scheduler.authentication.HasRole"],
    "DEFAULT_THROTTLE_CLASSES": ["platform_scheduler.token_rates.TokenRate"],
    "DEFAULT_RENDERER_CLASSES": ["platform_scheduler.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["platform_scheduler.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "platform_scheduler.openapi.DocumentedView",
    "EXCEPTION_HANDLER": "platform_scheduler.problems.answer",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Platform Scheduler",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "platform_scheduler.described.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "TaskStatus": "scheduler.answers.TASK_STATUSES",
        "ExecutionStatus": "scheduler.answers.EXECUTION_STATUSES",
        "OverlapPolicy": "scheduler.answers.OVERLAP_POLICIES",
        "Role": "scheduler.answers.ROLES",
        "DeliveryStatus": "scheduler.answers.DELIVERY_STATUSES",
        "ChannelKind": "scheduler.answers.CHANNEL_KINDS",
        "Occasion": "scheduler.answers.OCCASIONS",
        "FlowMode": "scheduler.answers.FLOW_MODES",
        "ExplainedOutcome": "scheduler.answers.EXPLAINED_OUTCOMES",
        "RecordOutcome": "scheduler.answers.RECORD_OUTCOMES",
    },
}

CELERY_BROKER_URL = broker_url()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = broker_options(CELERY_BROKER_URL)
# RabbitMQ closes the connections of those who promise a sign of life and then send nothing for long.
CELERY_BROKER_HEARTBEAT = 0
# On RabbitMQ an argument of each queue that cannot be added later.
CELERY_TASK_QUEUE_MAX_PRIORITY = 10
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
CELERY_RESULT_EXPIRES = None
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# A takeover fires again what was not yet written down: write after every message.
CELERY_BEAT_SYNC_EVERY = 1
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# What of history is kept, for operators and metrics; open executions and their retries reach back 8 days.
HISTORY_KEPT_DAYS: int = whole_number("HISTORY_KEPT_DAYS", 45, least=10, most=60)
HISTORY_MAX_BYTES: int | None = gigabytes("HISTORY_MAX_GB")
# When rows of history are deleted, from <= hour < until (UTC).
QUIET_HOURS: tuple[int, int] = hours("QUIET_HOURS", "1-5")

# How long a worker that has fallen silent keeps what it runs; a quarter of it between renewals. The same
# everywhere. What is left of it at a renewal must outlast the largest step of the clock that counts as none, 5 s.
LEASE_SECONDS: int = seconds("LEASE_SECONDS", 30, least=7)
# After how long a message that no worker has taken counts as gone, while the broker's queue is shorter than its rows.
REPUBLISH_AFTER_SECONDS: int = seconds("REPUBLISH_AFTER_SECONDS", 300, least=5)

# Catching up after an outage: what a claim finds missed beyond so much at once goes at so many executions a second (0:
# no budget); above so many somebody has to approve it; by namespace, taskClass or label:<name>.
CATCH_UP_PER_SECOND: int = whole_number("CATCH_UP_PER_SECOND", 100, least=0, most=1_000_000)
CATCH_UP_AT_ONCE: int = whole_number("CATCH_UP_AT_ONCE", 300, least=0, most=1_000_000)
CATCH_UP_APPROVAL_ABOVE: int | None = env.int("CATCH_UP_APPROVAL_ABOVE", None)
CATCH_UP_GROUP_BY: str = grouping("CATCH_UP_GROUP_BY")

# Whether what fails again and again, by task and by task class, is tried again more slowly than its retry policy says.
FAILURE_BACKOFF: bool = env.bool("FAILURE_BACKOFF", True)

# How long a new worker needs until it runs something: what is forecast for so long ahead counts in `GET /queues`.
# And how many executions one runs at once, where none lives to tell.
WORKER_LEAD_SECONDS: int = seconds("WORKER_LEAD_SECONDS", 300, least=0)
WORKER_CONCURRENCY: int = whole_number("WORKER_CONCURRENCY", 4, least=1, most=10_000)
# Whether this worker takes priority 10 alone: its children are free for that while others are busy. On Redis.
WORKER_CRITICAL_ONLY: bool = env.bool("WORKER_CRITICAL_ONLY", False)

# How many requests a web process of 64 threads has open before it refuses writes, and before it refuses all;
# they share 8 database connections.
WEB_WRITES_AT_ONCE: int = whole_number("WEB_WRITES_AT_ONCE", 32, least=1, most=1_000)
WEB_REQUESTS_AT_ONCE: int = whole_number("WEB_REQUESTS_AT_ONCE", 56, least=1, most=1_000)

# What the platform does by itself under load and while services fail; off, it goes on until something breaks.
PROTECTION: bool = env.bool("PROTECTION", True)
# From which values on less is let go, and from which only what is critical: "memoryPercent=85:95; queued=off".
PROTECTION_LIMITS = protection_limits("PROTECTION_LIMITS")
# From so many executions on that load holds, fresh slots of low priority are left out; from twice as many of normal.
PROTECTION_MOST_HELD: int = whole_number("PROTECTION_MOST_HELD", 100_000, least=1_000, most=10_000_000)
# Where the kernel's control groups are mounted, which say what a container may use.
CGROUP_ROOT = Path(env.str("CGROUP_ROOT", "/sys/fs/cgroup"))
# A service's circuit opens where so many percent of its calls fail, or take too long: of those of the last seconds, or
# of the last few where they go further back. Too long is half of timeoutSeconds, or so many seconds.
CIRCUIT_WINDOW_SECONDS: int = whole_number("CIRCUIT_WINDOW_SECONDS", 60, least=10, most=3_600)
CIRCUIT_MINIMUM_CALLS: int = whole_number("CIRCUIT_MINIMUM_CALLS", 10, least=1, most=10_000)
CIRCUIT_FAILURE_PERCENT: int = whole_number("CIRCUIT_FAILURE_PERCENT", 50, least=1, most=100)
CIRCUIT_SLOW_PERCENT: int = whole_number("CIRCUIT_SLOW_PERCENT", 80, least=1, most=100)
CIRCUIT_SLOW_SECONDS: int | None = env.int("CIRCUIT_SLOW_SECONDS", None)
# After so long a probe goes, twice as long with each trip in a row.
CIRCUIT_OPEN_SECONDS: int = whole_number("CIRCUIT_OPEN_SECONDS", 30, least=1, most=3_600)
CIRCUIT_LONGEST_OPEN_SECONDS: int = whole_number("CIRCUIT_LONGEST_OPEN_SECONDS", 300, least=1, most=86_400)

# How many requests a token may send, such as "100/second; 2000/minute"; none is any number.
TOKEN_RATE_LIMITS = request_rates("TOKEN_RATE_LIMIT")

# Refuse a change or deletion of a task that does not say by If-Match which version it has seen.
REQUIRE_IF_MATCH: bool = env.bool("REQUIRE_IF_MATCH", False)

# Whose X-Forwarded-For is believed: the gateways in front of the web processes, as networks or addresses.
TRUSTED_PROXIES = networks("TRUSTED_PROXIES")
# How long audit records are kept; the database itself lets go of none before 90 days.
AUDIT_KEPT_DAYS: int = days("AUDIT_KEPT_DAYS", 400, least=90)

# How many clients may read the live stream of one web process. Each holds one of its threads: it is to have so many
# more than its requests need (granian's --blocking-threads).
STREAM_CLIENTS: int = whole_number("STREAM_CLIENTS", 48, least=0, most=1_000)

# Celery task names and dotted paths by which lower layers reach upper ones (a test resolves each).
EXECUTE_TASK_NAME = "workers.execute"
EXECUTE_LONG_TASK_NAME = "workers.execute_long"
# How many short executions a message may hold; 1 for each its own.
BUNDLE_MAX: int = whole_number("BUNDLE_MAX", bundles.MOST, least=1, most=bundles.MOST)
HANDLER_MODULES: list[str] = ["workers.handlers", *env.list("HANDLER_MODULES", [])]

# Folders that CleanupTask may delete in.
CLEANUP_ROOTS: list[str] = env.list("CLEANUP_ROOTS", [str(DATA_DIR / "scratch")])
# What platform.http may connect to besides public addresses: names, addresses and networks, each with :port or without.
HTTP_ALLOWED_ADDRESSES: list[str] = env.list("HTTP_ALLOWED_ADDRESSES", [])
# Authorities that platform.http trusts, in one PEM file; without it those of the certifi package.
HTTP_CA_FILE: str | None = env.str("HTTP_CA_FILE", None)
# Celery applications that platform.celery may send to: {"billing": {"broker": "redis://…", "tasks": ["billing.*"]}}.
CELERY_TARGETS: dict[str, Any] = json_object("CELERY_TARGETS")
# Whoever may define a task runs commands as the worker's user where this is on.
SHELL_HANDLER: bool = env.bool("SHELL_HANDLER", False)
# Secrets that the tasks of a namespace may read, {"payments": ["BILLING_TOKEN"]}: from files in SECRETS_DIR, or from
# the worker's variables TASK_SECRET_….
SECRET_NAMES: dict[str, list[str]] = name_lists("SECRET_NAMES")
SECRETS_DIR: str | None = env.str("SECRETS_DIR", None)

# The server by which people are notified by e-mail; without it none is sent.
EMAIL_BACKEND: str = env.str("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST: str = env.str("EMAIL_HOST", "")
EMAIL_PORT: int = env.int("EMAIL_PORT", 587)
EMAIL_HOST_USER: str = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD: str = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS: bool = env.bool("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL: str = env.str("EMAIL_FROM", "platform-scheduler@localhost")

# Called with GET each minute while slots are recorded on time, so that somebody outside notices silence.
WATCHDOG_URL: str | None = web_address("WATCHDOG_URL")

HEALTH_HOST: str = env.str("HEALTH_HOST", "127.0.0.1")
HEALTH_PORT: int | None = port("HEALTH_PORT")
# The metrics of a web process: to viewers, to everybody, or to everybody who reaches a port of its own.
METRICS_OPEN: bool = env.bool("METRICS_OPEN", False)
METRICS_PORT: int | None = port("METRICS_PORT")
METRICS_DIR: Path | None = DATA_DIR / "metrics"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "scheduler.logs.Lines",
            "format": "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s",
        },
        "json": {"()": "scheduler.logs.JsonLines"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": one_of("LOG_FORMAT", "line", "json")}},
    "root": {"handlers": ["stderr"], "level": log_level("LOG_LEVEL")},
    # Two lines a message, on the hot path, that say nothing of which execution it was.
    "loggers": {name: {"level": "WARNING"} for name in ("celery.worker.strategy", "celery.app.trace")},
}
