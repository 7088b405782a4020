# Everything a newcomer needs: `make run`, `make test`. `make help` lists the rest.

# The newest supported Python on the PATH; `make PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for v in 3.11 3.12 3.13; do \
	command -v python$$v >/dev/null 2>&1 && python$$v -c '' >/dev/null 2>&1 && echo python$$v && break; \
	done || true)
ifeq ($(strip $(PYTHON)),)
PYTHON := python3
endif
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?= var
PYTEST ?=

.DEFAULT_GOAL := help
.PHONY: help run test foreign lint bench docs clean lock

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(VENV)/.complete: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "dmpws needs Python 3.11 or newer; $(PYTHON) is older (make PYTHON=...)"; exit 2; }
	@echo "Building the environment in $(VENV) from requirements.lock ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(VENV)/.complete ## start the server, play the main scenario, keep serving (ONCE=1 stops after it)
	@$(BIN)/dmpws --data $(DATA) serve --demo $(if $(ONCE),--once) || [ $$? -eq 130 ]  # Ctrl-C

# A file's tests stay together, since they share the world it built; four processes at most, each with its PostgreSQL.
test: $(VENV)/.complete ## run all tests (PYTEST="-k vihf" selects)
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST)

foreign: ## build the clients of other languages that the tests try (Node and npm, Java and Maven)
	@$(PYTHON) tests/foreign/foreign_build.py

lint: $(VENV)/.complete ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.complete ## throughput and its ratio to the floor
	@$(BIN)/dmpws bench

docs: $(VENV)/.complete ## write the generated pages of docs/
	@$(BIN)/python -m dmpws.testing.pages docs

clean: ## remove the environment and the server's data
	rm -rf $(VENV) $(DATA) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

lock: ## recompute requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra postgres --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-header --quiet --output-file requirements.lock
