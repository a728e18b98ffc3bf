# From a fresh clone with nothing but Python 3.11 or newer: make demo, make test.
# A virtual environment is made in .venv on first use and kept as long as pyproject.toml does not change.

PYTHON ?= python3
ARGS ?=
JOBS ?= 0

VENV := .venv
BIN := $(VENV)/bin
BUILD := build
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --editable
PYTEST := $(BIN)/python -m pytest
LINTED := $(wildcard blackboard knowledge_sources tests benchmarks examples)
TYPED := $(wildcard blackboard knowledge_sources benchmarks examples tests/conftest.py tests/types)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test model bench lint lint-style lint-format lint-types lint-imports lint-lua format clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  ARGS="…" goes to the program: make demo ARGS=--crash, make test ARGS="-k post".'
	@echo '  JOBS=4 runs the tests in four processes; PYTHON=python3.12 says which Python makes .venv.'

demo: $(VENV)/.run ## Run the main job: agents audit a Python source tree together
	@$(BIN)/blackboard demo $(ARGS)

test: $(VENV)/.test ## Run all tests
	@$(PYTEST) -n $(JOBS) $(ARGS)

model: $(VENV)/.test ## Compare the engine with the brute-force model over a million operations
	@MODEL_OPERATIONS=1000000 $(PYTEST) tests/model --timeout=0 -o faulthandler_timeout=0 $(ARGS)

bench: $(VENV)/.run ## Measure, and print a table and JSON
	@$(BIN)/python -m benchmarks $(ARGS)

lint: lint-style lint-format lint-types lint-imports lint-lua ## Check style, types, import floors and Lua

lint-style: $(VENV)/.dev
	$(BIN)/ruff check --quiet $(LINTED)

lint-format: $(VENV)/.dev
	$(BIN)/ruff format --quiet --check $(LINTED) || { echo 'make format repairs this' >&2; exit 1; }

lint-types: $(VENV)/.dev
	$(BIN)/mypy --no-error-summary $(TYPED)

lint-imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

# What is checked is each command with its includes, as the server receives it.
lint-lua: $(VENV)/.run
	@if command -v luacheck >/dev/null; then \
		set -e; \
		echo 'luacheck $(BUILD)/lua'; \
		rm -rf $(BUILD)/lua; \
		$(BIN)/python -m blackboard.store.scripts --assemble $(BUILD)/lua; \
		test -n "$$(ls $(BUILD)/lua)"; \
		luacheck --no-color --quiet $(BUILD)/lua; \
	elif [ -n "$$CI" ]; then \
		echo 'luacheck is not installed' >&2; exit 1; \
	else \
		echo 'luacheck is not installed: the Lua sources are not checked (Debian: lua-check)' >&2; \
	fi

format: $(VENV)/.dev ## Format the Python sources
	@$(BIN)/ruff check --quiet --fix-only $(LINTED)
	@$(BIN)/ruff format --quiet $(LINTED)

clean: ## Remove .venv, builds and caches; .blackboard, your data, stays
	@rm -rf $(VENV) $(BUILD) dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find $(LINTED) -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'blackboard needs Python 3.11 or newer; name one: make PYTHON=python3.12 …' >&2; exit 1; }
	@echo 'Creating $(VENV) …' >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: pyproject.toml $(VENV)/.made
	@echo 'Installing …' >&2
	@$(INSTALL) .
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.made
	@echo 'Installing with the test tools …' >&2
	@$(INSTALL) '.[test]'
	@touch $(VENV)/.run $@

$(VENV)/.dev: pyproject.toml $(VENV)/.made
	@echo 'Installing with the development tools …' >&2
	@$(INSTALL) '.[test,dev]'
	@touch $(VENV)/.run $(VENV)/.test $@
