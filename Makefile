# Every way to run, check and test the project. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
MANAGE := $(BIN)/python manage.py

# `make up PORT=8010 DATA_DIR=.second`: what is set here reaches every target.
export HOST ?= 127.0.0.1
export PORT ?= 8000
export DATA_DIR ?= $(CURDIR)/.local
export DATABASE_URL ?=
export REDIS_URL ?=
export BROKER_URL ?=
export EXAMPLES ?= 1

.PHONY: help up web register query console scheduler worker test test-unit test-external check audit fmt docs screenshots lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}'

up: $(VENV)/.run ## start everything on this machine: servers, web, scheduler, worker (Ctrl-C stops it)
	@exec $(BIN)/python manage.py up

# One service each, against DATABASE_URL, REDIS_URL (or BROKER_URL) and SECRET_KEY from the environment.
GRANIAN = $(BIN)/granian --interface wsgi --host $(HOST) --port $(PORT) --workers 2 --blocking-threads 112 \
	--workers-kill-timeout 5 --respawn-failed-workers platform_scheduler.wsgi:application

web: $(VENV)/.run ## everything over HTTP in one process
	DJANGO_SETTINGS_MODULE=platform_scheduler.settings.all exec $(GRANIAN)
register: $(VENV)/.run ## the write API
	DJANGO_SETTINGS_MODULE=platform_scheduler.settings.register exec $(GRANIAN)
query: $(VENV)/.run ## the read API
	DJANGO_SETTINGS_MODULE=platform_scheduler.settings.query exec $(GRANIAN)
console: $(VENV)/.run ## the operators' dashboard
	DJANGO_SETTINGS_MODULE=platform_scheduler.settings.console exec $(GRANIAN)
scheduler: $(VENV)/.run ## a scheduler node
	DJANGO_SETTINGS_MODULE=platform_scheduler.settings.scheduler exec $(BIN)/celery -A platform_scheduler beat \
		-S scheduler.beat:BeatScheduler
worker: $(VENV)/.run ## a worker (WORKERS=4 children, QUEUES=default)
	DJANGO_SETTINGS_MODULE=platform_scheduler.settings.worker exec $(BIN)/celery -A platform_scheduler worker \
		-Q platform,$${QUEUES:-default} --concurrency $${WORKERS:-4} --prefetch-multiplier 1 -O fair \
		--without-gossip --without-mingle --without-heartbeat

test: $(VENV)/.dev ## the whole suite, on servers of its own
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not acceptance" $(ARGS)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m acceptance \
		$(or $(filter tests/%,$(ARGS)),tests/acceptance) $(filter-out tests/%,$(ARGS))

test-unit: $(VENV)/.dev ## the tests that need no database
	$(BIN)/python -m pytest tests/unit -q $(ARGS)

test-external: $(VENV)/.dev ## integration and acceptance against TEST_DATABASE_URL, TEST_REDIS_URL (and TEST_AMQP_URL)
	@: $${TEST_DATABASE_URL:?set it to a PostgreSQL 15 or newer that may create databases}
	@: $${TEST_REDIS_URL:?set it to a Redis 7 or newer}
	@[ -n "$${TEST_AMQP_URL:-}" ] || echo "TEST_AMQP_URL is not set: what needs RabbitMQ is skipped."
	TEST_EXTERNAL=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not acceptance and not anywhere" \
		tests/integration tests/concurrency $(ARGS)
	TEST_EXTERNAL=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
		-m "acceptance and not anywhere" tests/acceptance $(ARGS)

# Enough for Django to read its settings; nothing is connected to.
CHECK_ENV = SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(60))') BEHIND_TLS=1 \
	DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0 \
	PYTHONWARNINGS=ignore::RuntimeWarning

check: $(VENV)/.dev ## format, lint (with bandit's rules), types, layers, migrations, deployment checks, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(CHECK_ENV) $(MANAGE) makemigrations --check --dry-run
	for profile in all register query console scheduler worker; do \
		$(CHECK_ENV) DJANGO_SETTINGS_MODULE=platform_scheduler.settings.$$profile \
			$(MANAGE) check --deploy --fail-level WARNING; \
	done
	$(BIN)/python -m pytest -q tests/architecture/test_lock.py
	$(BIN)/python .ci/audit.py --may-be-left-out requirements.lock requirements-dev.lock

audit: $(VENV)/.dev ## ask a public database of advisories about the locked packages, and fail where it cannot be asked
	$(BIN)/python .ci/audit.py requirements.lock requirements-dev.lock

fmt: $(VENV)/.dev ## format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## write the generated parts of docs/ anew
	$(BIN)/python -m docs.generate

screenshots: $(VENV)/.dev ## take a picture of each page of the dashboard into FOLDER (needs chromium)
	$(BIN)/python -m docs.screenshots $(or $(FOLDER),.local/screenshots)

lock: $(VENV)/.uv ## pin what requirements*.txt ask for, with hashes
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 \
		requirements.txt -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 \
		requirements-dev.txt -c requirements.lock -o requirements-dev.lock

clean: ## remove the environment and every cache; the data of `make up` stay
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.uv:
	@echo "Building $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv 2>/dev/null || echo "uv cannot be had; pip goes on alone."
	@touch $@

# uv installs in two seconds what takes pip a minute; both check the hashes.
INSTALL = if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(1); \
	else $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(1); fi

$(VENV)/.run: requirements.lock | $(VENV)/.uv
	@$(call INSTALL,requirements.lock)
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.uv
	@$(call INSTALL,requirements-dev.lock)
	@touch $@ $(VENV)/.run
