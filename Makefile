# The front door. `make demo` and `make test` do all the set-up they need; `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help demo test explore attack tracecontext coverage setup servers kubernetes lint docs packages format sync bench constraints clean

VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)

# Arguments handed on to pytest: make test ARGS="-k consul"
ARGS ?=

# Processes among which a test run is divided; 0: none but pytest's own.
WORKERS ?= auto
DIVIDED := $(if $(findstring no:xdist,$(ARGS)),,-n $(WORKERS))

# The interpreter that .venv is built on: python3, or the first newer one found, unless named here.
PYTHON ?=
export PYTHON

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/runtime.stamp ## lose and slow down instances under load, with and without meshclient
	@$(BIN)/meshclient demo

test: setup servers ## run every test, with the real servers that are installed
	@$(BIN)/python -m pytest $(DIVIDED) $(ARGS)

explore: setup ## look for counter-examples that the fixed draws of the test run do not hold
	@$(BIN)/python -m pytest tests/property --hypothesis-profile=explore $(ARGS)

attack: setup ## play random schedules of cancels, outcomes and clock steps: make attack SCHEDULES=1000000
	@PYTHONPATH=tests $(BIN)/python -m attack.schedules $(or $(SCHEDULES),1000000)
	@PYTHONPATH=tests $(BIN)/python -m attack.smuggling --mutants 20000
	@MESHCLIENT_ATTACK=$(or $(SCHEDULES),1000000) $(BIN)/python -m pytest -q tests/property/test_circuit.py -k schedules

tracecontext: setup ## run the W3C's tests of trace headers: make tracecontext CHECKOUT=../trace-context PYTHON=one that has aiohttp
	@PYTHONPATH=tests $(BIN)/python -m attack.tracecontext $(CHECKOUT) --python $(or $(PYTHON),$(BIN)/python)

coverage: setup servers ## run every test and say which lines none of them reached
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine --quiet || true
	@$(BIN)/coverage report

setup: $(VENV)/dev.stamp ## install the pinned tools and this checkout into .venv
	@$(BIN)/python scripts/twin.py >/dev/null

$(VENV)/runtime.stamp: constraints/runtime.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh runtime

$(VENV)/dev.stamp: constraints/dev.txt $(PROJECTS) scripts/setup.sh
	@scripts/setup.sh dev

servers: setup ## install the real servers that the tests start
	@$(BIN)/python tests/servers/install.py

kubernetes: setup ## build the real API server of Kubernetes for its tests (needs Go, takes minutes)
	@PYTHONPATH=tests $(BIN)/python -c 'from servers import kubernetes; print(kubernetes.install())'

lint: setup ## ruff, mypy --strict, pyright on the public face, import contracts, freshness of generated code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@set -e; for plugin in $(PLUGINS); do \
	    echo "$(BIN)/mypy $$plugin"; \
	    MYPYPATH=$$plugin/src:$$plugin/tests $(BIN)/mypy $$plugin/src $$plugin/tests; \
	done
	$(BIN)/pyright --project . --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/unasync.py --check
	$(BIN)/python -m scripts.docs reference --check

docs: setup ## build the documentation as a site; a warning is an error
	@$(BIN)/python -m scripts.docs build

packages: setup ## build every distribution, install each into a clean environment, use it there
	@$(BIN)/python scripts/packages.py

format: setup ## format, and fix what can be fixed without a decision
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

sync: setup ## generate the synchronous twins from the asynchronous sources
	$(BIN)/python scripts/unasync.py
	$(BIN)/python scripts/twin.py

bench: setup ## run the benchmarks; each prints a ratio
	@set -e; for benchmark in benchmarks/[a-z]*.py; do \
	    echo "== $$benchmark"; \
	    $(BIN)/python $$benchmark; \
	done

.PHONY: bench-setup httpx-suite
bench-setup: $(BENCH)/stamp ## install other HTTP clients, to compare with, into .venv-bench

# Only benchmarks/clients.py and httpx's tests need it; pip comes from .venv, so that it holds what was asked for alone.
$(BENCH)/stamp: constraints/bench.txt pyproject.toml
	@$(MAKE) --no-print-directory setup
	@$(BIN)/python -m venv --without-pip $(BENCH)
	@echo '*' >$(BENCH)/.gitignore
	@$(BIN)/python -m pip --python $(BENCH) --disable-pip-version-check install --quiet \
	    --require-hashes --requirement constraints/bench.txt
	@$(BIN)/python -m pip --python $(BENCH) --disable-pip-version-check install --quiet \
	    --no-deps --no-build-isolation --editable .
	@touch $@

httpx-suite: bench-setup ## run httpx's own tests against meshclient's clients; ARGS goes to pytest
	@$(BENCH)/bin/python tests/compat/httpx_suite/run.py $(ARGS)

constraints: ## pin the dependencies again; UPGRADE=1 moves pins that still fit
	@scripts/constraints.sh $(if $(UPGRADE),--upgrade)

clean: ## remove the environment and what the tools left behind
	rm -rf $(VENV) $(BENCH) build dist htmlcov .coverage .coverage.* .hypothesis \
	    .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(wildcard benchmarks examples plugins scripts src tests) -name __pycache__ -type d -prune -exec rm -rf {} +
