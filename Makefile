# The commands of this project. Each creates what it needs from nothing but Python 3.11 (or newer) with pip and venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := .venv-peers
# Many tests wait for real clocks and processes: two workers a core keep the cores busy.
WORKERS := $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))

# Some images forbid Python to keep what it compiled; then each of the thousand processes that the tests start would compile all anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test soak check bench browser peers docs pictures requirements clean

help:  ## Say what each command does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(READY)  ## Crawl a flaky site, get killed twice, lose nothing: about a minute
	$(BIN)/outlast demo

test: $(READY) browser  ## All tests, with coverage
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term:skip-covered

soak: $(READY) browser  ## The campaigns at ten times their size, figures printed: an hour or more
	OUTLAST_SOAK=1 $(BIN)/pytest tests/campaigns tests/crash tests/property --hypothesis-profile=soak -o timeout=14400 -rP

check: $(READY)  ## Format, lint, types, floors, unused dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@# What is not shipped has no style to keep; but what is undefined, unused or defined twice there is a mistake.
	$(BIN)/ruff check --isolated --select F,B015 tests benchmarks docs examples
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry src

bench: $(READY) browser  ## Measure, against a peer in the same run
	$(BIN)/python -m benchmarks

browser: $(READY)  ## Install Debian's headless Chromium where no browser is found
	@sh .ci/browser $(BIN)/python

peers: $(PEERS)/.ready  ## What the benchmarks compare with, in an environment of its own

docs: $(READY)  ## Build the documentation; a warning is an error
	$(BIN)/sphinx-build -W -n -q -b html docs docs/_build/html
	$(BIN)/sphinx-build -W -n -q -b doctest docs docs/_build/doctest
	@echo docs/_build/html/index.html

pictures: $(READY) browser  ## Take the pictures of the documentation anew, from real runs: about a minute
	$(BIN)/python docs/pictures/make.py

requirements:  ## Pin requirements/*.in with hashes (needs pip-tools)
	cd requirements && for name in dev peers; do \
	  pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options -o $$name.txt $$name.in; done

clean:  ## Remove the environment and everything built
	rm -rf $(VENV) $(PEERS) docs/_build .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# The files list every package, so nothing is resolved: what a newer release of a dependency would add cannot break an install.
$(READY): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(PEERS)/.ready: requirements/peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/peers.txt
	@touch $@
