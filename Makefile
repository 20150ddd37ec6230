# Set-up, demo, tests and documentation.  `make` alone lists the targets.
#
#   PYTHON  the Python that makes .venv               (default: python3)
#   TORCH   what pip installs as torch; unset, a usable torch in .venv is kept
#           and else the tested version is installed.  Examples:
#           make env TORCH=torch
#           make env TORCH='torch==2.13.0 --index-url URL'
#   PYTEST_ARGS  passed on to pytest; by default files go to as many processes
#           as there are cores, with one thread each

PYTHON ?= python3
TORCH ?=
PYTEST_ARGS ?= --numprocesses auto --dist loadfile --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin
# Names the folder, which an editable install points to, and the torch.
STAMP := $(VENV)/.set-up-$(firstword $(shell echo '$(CURDIR) $(TORCH)' | cksum))

.DEFAULT_GOAL := help
.PHONY: help env demo test lint format docs clean

help:  ## List the targets
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) \
	  | sed -E 's/:.*## /\t/' | expand -t 10

env: $(STAMP)  ## Make or update .venv (compiles mmcv first: 10-20 minutes)

$(STAMP): setup.cfg pyproject.toml tools/misc/setup_env.py
	@$(PYTHON) tools/misc/setup_env.py $(if $(TORCH),--torch '$(TORCH)')
	@rm -f $(VENV)/.set-up-* && touch $@
ifneq ($(shell $(BIN)/python -c 'print(1)' 2>/dev/null),1)
.PHONY: $(STAMP)
endif

demo: env  ## Train and test a small SRN on synthetic faces, write a report
	$(BIN)/python -m demo.run_demo

test: env  ## Lint and run the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

lint: env  ## Lint only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: env  ## Fix what the linter can, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: env  ## Build the documentation: docs/_build/html/index.html
	rm -rf docs/_build docs/api
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet \
	  --conf-dir docs . docs/_build/html

clean:  ## Remove caches and build products; keeps .venv and work_dirs
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/api
	find . -path ./.venv -prune -o -name __pycache__ -type d \
	  -exec rm -rf {} +
