# `make demo` and `make test` do all set-up themselves; the rest is for people who work on the project.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo up test lint format lock clean
.DEFAULT_GOAL := demo

# An environment of exactly the locked versions, checked by hash.
$(VENV)/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(VENV)/.installed
	$(BIN)/underwriting demo

up: $(VENV)/.installed
	$(BIN)/underwriting up

test: lint
	$(BIN)/pytest

lint: $(VENV)/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The lock files carry hashes and no addresses: any index that serves the same files will do.
lock: $(VENV)/.installed
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --no-annotate pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --no-annotate --extra dev --extra bench --constraint requirements.lock \
		pyproject.toml --output-file requirements-dev.lock

clean:
	rm -rf $(VENV) .underwriting build *.egg-info
