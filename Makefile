# Everything a newcomer or CI runs. `make demo` and `make test` need only git, make and Python 3.11+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export BENTOML_DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false

.PHONY: help install demo test test-quick check bench bench-decisions bench-evaluation loop soak serve lock bento clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(STAMP) ## .venv with the pinned requirements and the command .venv/bin/tact

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tact needs Python 3.11 or newer; set PYTHON=python3.12 or similar"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned requirements into $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: install ## the whole path on simulated and real data, in under three minutes
	@$(BIN)/tact demo

test: install check ## everything that CI runs
	@$(BIN)/pytest

test-quick: install ## the tests that take seconds
	@$(BIN)/pytest -m "not slow"

check: install ## style, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pytest tests/test_imports.py

bench: install ## the service against its floor, and how it grows
	@$(BIN)/python -m benchmarks.service

bench-decisions: install ## policies against one another where the truth is known
	@$(BIN)/python -m benchmarks.decisions

bench-evaluation: install ## values of policies from logs against the truth, over 20 companies
	@$(BIN)/python -m benchmarks.evaluation

loop: install ## half a year of a simulated company that learns from its own log (LOOP=--quick: two minutes)
	@$(BIN)/python -m benchmarks.half_year $(LOOP)

soak: install ## kill -9 under load on both stores, in full (about fifteen minutes)
	@TACT_SOAK=5 $(BIN)/pytest tests/serving/test_store_concurrency.py tests/serving/test_store_crash.py
	@$(BIN)/python -m benchmarks.soak

serve: install ## the service with the champion on 127.0.0.1:3000
	@$(BIN)/tact serve

bento: install ## a bento with the champion inside
	@$(BIN)/python -m serving.bento

lock: ## pin the requirements again (needs uv)
	@uv pip compile --universal --python-version 3.11 pyproject.toml --extra dev --extra bench \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock

clean: ## what was built, trained and installed here
	rm -rf $(VENV) .tact build dist *.egg-info
