# `make help` lists the targets. Everything is installed into .venv; nothing else on the machine is touched.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup weights demo up down test check lint format examples openapi bench accuracy gallery client clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv and install the pinned dependencies

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

weights: $(READY) ## fetch, check and convert the models' weights (once; cached for the user)
	@$(BIN)/python -m shared.ml.weights

demo: weights ## run everything on sample photos through the HTTP API; results in demo-output/
	@$(BIN)/likeness demo

up: weights ## start the system here and stay in the foreground; Ctrl-C stops it
	@$(BIN)/likeness up

down: $(READY) ## stop the system that `make up` started
	@$(BIN)/likeness down

# Where every test has processes of its own they run side by side; the whole system gets the machine to itself.
test: weights ## run all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 8 tests/deploy tests/integration tests/unit
	$(BIN)/python -m pytest tests/browser tests/e2e

lint: $(READY) ## formatting, lint, types and the directions of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## what a change must pass: lint and all tests

format: $(READY) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

examples: weights ## record the examples of the API's contract from a running system
	$(BIN)/python -m tests.e2e.record_examples

openapi: $(READY) ## write the API's contract to docs/openapi.json, whose changes a review should see
	$(BIN)/python -m tests.unit.gateway.web.test_openapi_snapshot

bench: weights ## measure speed beside what a user would pick instead; writes docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks

accuracy: weights ## measure accuracy on LFW's photos (DATA=folder); writes docs/accuracy.md
	$(BIN)/python -m tests.accuracy $(if $(DATA),--data $(DATA))

gallery: weights ## paint photos after paintings with every preset; writes docs/style-gallery.md
	$(BIN)/python -m tests.gallery

client: $(READY) ## make the synchronous client out of the asynchronous one
	$(BIN)/python -m tests.sync_client

clean: ## remove what the targets above made here (not the weights cache)
	rm -rf $(VENV) .likeness demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis \
		.import_linter_cache likeness.egg-info
