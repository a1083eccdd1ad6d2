# Two commands set everything up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STATE := .state
BENCHMARKS := demo_against_peers queue_over_http reading_at_size schedule_speed two_workers range_test_real_nets
BENCHMARKS += cifar10_triangular
T ?= tests clr
# Many tests wait for processes: three for every two cores keep them busy.
SPLIT ?= $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench serve fresh clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) here: install Python 3.11 or newer, or say PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V): install it, or say PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) has no venv module: install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Stamp files: a second run installs nothing.
$(STATE)/all: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]'
	@mkdir -p $(STATE) && touch $@

$(STATE)/dev: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@mkdir -p $(STATE) && touch $@ $(STATE)/all

demo: $(STATE)/all ## the main job on real data: service, two workers, one study, the answer
	$(BIN)/clr demo

test: $(STATE)/dev ## every test, PostgreSQL included (T=tests/store for some)
	$(BIN)/python -m pytest -n $(SPLIT) --dist loadfile $(T)

lint: $(STATE)/dev ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STATE)/dev ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STATE)/dev ## benchmarks: ratios side by side, printed (RAY_PYTHON=... CIFAR10=FOLDER for what is left out)
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

.PHONY: calibrate
calibrate: $(STATE)/all ## the analysis on studies whose truth is known: one table, under 15 minutes
	$(BIN)/python -m calibration

serve: $(STATE)/all ## the service with one worker on http://127.0.0.1:8000
	$(BIN)/clr serve --workers 1

fresh: ## a clone, an empty environment, and every command of the README
	bash tests/journeys/fresh.sh

clean: ## remove environment, stamps and caches
	rm -rf $(VENV) $(STATE) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
