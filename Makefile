# Everything a person needs here; `make` alone lists it. Wants make and a Python of 3.11 or newer, nothing else.
.DEFAULT_GOAL := help
.PHONY: help setup run up down ps test test-faults test-cluster soak bench lint format clean lock jars-lock vendor env-example

BIN := .venv/bin
# Tiers from fast to slow, so that a fault shows early. Two tests of the first ones at a time: they wait for no clock.
TIERS ?= architecture unit contract component integration e2e
SIDE_BY_SIDE := architecture unit contract component
tier_folders = $(wildcard $(addprefix tests/,$(1)))
ONCE ?=
# DEMO=0: no call centre and no reference data.
DEMO ?= 1
COMPOSE := docker compose $(if $(filter-out 0 no false,$(DEMO)),--profile demo)
# docker's own messages do not say what to do.
NEED_ENGINE = { docker compose version && docker info; } >/dev/null 2>&1 || { \
  echo "No Docker engine with its compose plugin answers here. Start one (docs/deploy.md), or use make run, which needs none" >&2; \
  exit 1; }

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## make .venv from the lock file; done by itself where needed
	@for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    if $$python -c 'import ensurepip, venv' >/dev/null 2>&1; then exec $$python services/cli/bootstrap.py; fi; \
	    incomplete="$$incomplete $$python"; \
	  fi; \
	done; \
	if [ -n "$$incomplete" ]; then \
	  echo "setup: found$$incomplete, but without ensurepip. On Debian and Ubuntu: apt install python3-venv" >&2; \
	else \
	  echo "setup: no Python 3.11 or newer found. Install one, or name it: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3" >&2; \
	fi; \
	exit 1

run: setup ## start everything and show the 112 table; ONCE=1 ends after the table, DB=postgres
	@exec $(BIN)/laksa run $(if $(filter-out 0 no false,$(ONCE)),--once) $(if $(DB),--db $(DB))

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

test: setup ## all tests but the slow ones below, on an embedded Apache Kafka
	@$(if $(filter $(SIDE_BY_SIDE),$(TIERS)),$(BIN)/python -m pytest -n 2 $(call tier_folders,$(filter $(SIDE_BY_SIDE),$(TIERS))) $(ARGS))
	@$(if $(filter-out $(SIDE_BY_SIDE),$(TIERS)),$(BIN)/python -m pytest $(call tier_folders,$(filter-out $(SIDE_BY_SIDE),$(TIERS))) $(ARGS))

test-faults: setup ## many replicas, and three nodes of Kafka, killed and stopped under load, in some 10 minutes
	@exec $(BIN)/python -m pytest tests/faults $(ARGS)

test-cluster: setup ## integration and faults on three nodes of Kafka with passwords, in some 25 minutes
	@LAKSA_TEST_KAFKA_NODES=3 exec $(BIN)/python -m pytest tests/integration tests/faults $(ARGS)

soak: setup ## memory over 200,000 reports, in some 10 minutes
	@exec $(BIN)/python -m pytest tests/soak -s $(ARGS)

bench: setup ## ratios against plain baselines, in some 8 minutes; writes docs/benchmarks.md
	@exec $(BIN)/python -m benchmarks

lint: setup ## ruff, mypy --strict, import contracts, yamllint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .

format: setup ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## forget all data of `make run` (var/), Kafka's log included
	@if [ -f var/lock ] && [ -f var/run.json ] && kill -0 "$$(cat var/lock)" 2>/dev/null; then \
	  echo "make run is still running (pid $$(cat var/lock)): stop it first" >&2; exit 1; \
	fi
	rm -rf var

lock: setup ## pin all dependencies anew, as pyproject.toml allows
	$(BIN)/uv pip compile --upgrade --universal --generate-hashes --no-header --python-version 3.11 --all-extras \
	  --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --upgrade --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  --constraint requirements.lock --extra deploy pyproject.toml -o requirements-image.lock
	echo uv | $(BIN)/uv pip compile --upgrade --universal --generate-hashes --no-header --no-annotate \
	  --python-version 3.11 - -o requirements-bootstrap.lock
	$(BIN)/uv pip compile --upgrade --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  benchmarks/contenders/requirements.in -o benchmarks/contenders/requirements.lock

jars-lock: setup ## pin the jars of Apache Kafka anew; VERSION=4.4.0
	$(BIN)/laksa maintain jars-lock --kafka $(or $(VERSION),4.4.0)

vendor: setup ## fetch the board's scripts and styles again, checked against their checksums
	$(BIN)/laksa maintain vendor

env-example: setup ## write .env.example anew from the services' settings
	$(BIN)/python -m tests.support.deploy.env_example
