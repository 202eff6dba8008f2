# Needs make and Python 3.11 or newer, nothing else. `make` alone lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# The first interpreter that is new enough; `make PYTHON=/path/to/python3.12 ...` chooses another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet
ARGS ?=
TESTS ?=

.PHONY: help run servers test check bench k8s-e2e faults simulate format import contracts lock sbom audit clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/run ## start the whole product with a simulated working day; ARGS="..." are its options
	@$(BIN)/python -m dev run $(ARGS)

servers: .venv/run ## start only PostgreSQL and Kafka and say where they listen
	@$(BIN)/python -m dev servers

test: .venv/dev ## run the tests; TESTS="libs/rules -k calendar" runs some, in one process
	@$(BIN)/pytest $(if $(TESTS),$(TESTS),-n 2 --dist loadfile)

check: .venv/dev ## style, types, who imports whom, contracts, API documents and manifests
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(MAKE) .check-contracts .check-openapi .check-manifests

# These two say so while there is nothing to check yet.
.PHONY: .check-contracts .check-openapi
.check-contracts:
	@if [ -e libs/events/contracts/__main__.py ]; then $(BIN)/python -m libs.events.contracts check; \
	else echo "contracts: nothing generates documents from them yet"; fi
.check-openapi:
	@if [ -e libs/service/openapi.py ]; then $(BIN)/python -m libs.service.openapi check; \
	else echo "openapi: nothing generates documents yet"; fi

.PHONY: .check-manifests
.check-manifests:
	@$(BIN)/python -m dev.manifests check

bench: .venv/dev ## measure, each figure against a raw baseline in the same run; ARGS="append http --full"
	@$(BIN)/python -m bench $(ARGS)

simulate: .venv/dev ## live many lives of relay, ingest and leases in a model; SEEDS=10000
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),5000) $(ARGS)

k8s-e2e: .venv/dev ## try deploy/k8s on a real control plane, which the first time is built (needs go and kubectl)
	@$(BIN)/python -m tests.deploy.e2e $(ARGS)

faults: .venv/dev ## break everything under load and prove that nothing is lost; SEEDS=20 ARGS="--first 7 --faults 10"
	@$(BIN)/python -m tests.integration.faults --seeds $(or $(SEEDS),20) $(ARGS)

format: .venv/dev ## put the code in order
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

import: .venv/run ## import a CRM's export: DIR=folder MAPPING=file ARGS="--token-file t"; see docs/importing.md
	@$(BIN)/python -m services.pipeline import-crm "$(DIR)" --mapping "$(MAPPING)" $(ARGS)

contracts: .venv/dev ## write the documents of facts, read models and APIs anew
	@$(BIN)/python -m libs.events.contracts write
	@$(BIN)/python -m tests.golden write
	@$(BIN)/python -m libs.service.openapi write

lock: .venv/dev ## resolve the dependencies anew, keeping the versions that still fit; ARGS=--upgrade takes the newest
	@[ -x $(BIN)/uv ] || $(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/$(LOCK) $(ARGS) pyproject.toml --group run -o requirements.lock >/dev/null
	@$(BIN)/$(LOCK) $(ARGS) pyproject.toml --group dev -o requirements-dev.lock >/dev/null
	@$(BIN)/$(LOCK) $(ARGS) --group audit -o requirements-audit.lock >/dev/null
	@$(BIN)/$(LOCK) pyproject.toml --constraint requirements.lock -o requirements-services.lock >/dev/null
	@git diff --stat -- '*.lock'

sbom: .audit/ready ## write sbom.json, what the image holds (CycloneDX)
	@.audit/bin/cyclonedx-py requirements requirements-services.lock --spec-version 1.6 --output-reproducible -o sbom.json
	@echo "sbom.json: $$(grep -c '"bom-ref"' sbom.json) packages"

audit: .audit/ready .venv/dev ## look up known weaknesses of what the image holds, where advisories can be reached
	@$(BIN)/python -m dev.audit requirements-services.lock

clean: ## remove what was made: environment, caches, the data of `make run`
	rm -rf .venv .audit sbom.json .data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment; what a run needs first, what development needs on top of it.
.venv/python:
	@[ -n "$(PYTHON)" ] || { echo "Salesloom needs Python 3.11 or newer with its venv module; none of python3.11 to python3.14," \
		"python3 and python is one. Install it (on Debian: python3 and python3-venv), or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/run: .venv/python requirements.lock
	@echo "installing what a run needs (once, about 400 MB)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/dev: .venv/python requirements-dev.lock
	@echo "installing what development needs (once, about 500 MB)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ .venv/run

# Its own environment: it looks at packages, and shares none.
.audit/ready: .venv/python requirements-audit.lock
	@$(BIN)/python -m venv .audit
	@.audit/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.lock
	@touch $@
