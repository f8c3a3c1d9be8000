# Every target makes what it needs; on a fresh machine only Python 3.11+ and make are there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHEEL_VENV := .wheel-venv
PIP_FLAGS := --quiet --disable-pip-version-check
TOGETHER := -n auto --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test check format unit wheel-test bench lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: $(VENV)/.demo ## run sender and receiver and show what each delivery meets (ONCE=1 ends after the show)
	@$(BIN)/python -m examples.demo $(if $(ONCE),--once)

test: check unit wheel-test ## everything CI runs: check, the tests with coverage, the built wheel on its own

check: $(VENV)/.dev ## ruff, mypy strict, pyright, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --warnings
	$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Processes of their own are not measured: it would slow them down, and they may be killed.
unit: $(VENV)/.dev ## the tests, with branch coverage gated per part, then those of real processes
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest $(TOGETHER) -m "not acceptance" $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='middleware/*' --fail-under=100
	$(BIN)/coverage report --include='receiver/*,sample_sender/*' --fail-under=95
	$(BIN)/python -m pytest $(TOGETHER) -m "acceptance and not alone" $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m alone $(PYTEST_ARGS)

wheel-test: $(VENV)/.dev ## the core's and the faces' tests against the built wheel, without extras
	rm -rf build/dist $(WHEEL_VENV)
	$(BIN)/python -m build --no-isolation --wheel --outdir build/dist . >/dev/null
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/pip install $(PIP_FLAGS) --require-hashes -r requirements/bare.txt
	$(WHEEL_VENV)/bin/pip install $(PIP_FLAGS) --no-deps build/dist/hookseal-*.whl
	HOOKSEAL_BARE=1 $(WHEEL_VENV)/bin/python -m pytest tests/middleware

bench: $(VENV)/.dev ## our figures, the floor and the peers, side by side
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

lock: $(VENV)/.dev ## pin requirements/*.in again, with hashes and without index lines
	for name in bare demo dev; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	    requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

clean: ## remove what the other targets made
	rm -rf $(VENV) $(WHEEL_VENV) build dist .coverage .coverage.* htmlcov

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Hookseal needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "making $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)

# $(1): the pinned requirements. The project itself goes in editable, built by the pinned hatchling.
define install
	@echo "installing $(1) (once; about a minute)"
	@$(BIN)/pip install $(PIP_FLAGS) --require-hashes -r $(1)
	@$(BIN)/pip install $(PIP_FLAGS) --no-deps --no-build-isolation --editable .
	@touch $@
endef

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/python
	$(call install,requirements/demo.txt)

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	$(call install,requirements/dev.txt)
	@touch $(VENV)/.demo
