# opsconsole. `make help` names the targets.
# A fresh Debian with python3-venv, make and git is enough; everything lands in .venv and nowhere else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= $(shell nproc)
TESTS := $(wildcard tests/unit tests/screens tests/faults tests/live)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint system lab lab-down bench lock clean

help:  ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

run: $(READY)  ## the console on its make-believe host; nothing else is touched
	@$(BIN)/opsconsole sandbox

test: lint system  ## all checks and all tests; ARGS="-k zones" goes to pytest
	$(BIN)/python -m tests.live.lab build || [ $$? -eq 69 ]
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS) $(ARGS)

lint: $(READY)  ## ruff, mypy, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/live/lab
	$(BIN)/lint-imports

system:  # programs that tests run: installed where we may, named where not
	@tests/live/system.sh

lab: $(READY) system  ## a real machine with BIND and two foreign secondaries to play on (root)
	@$(BIN)/python -m tests.live.lab up

lab-down: $(READY)  ## takes that machine away
	@$(BIN)/python -m tests.live.lab down

bench: $(READY)  ## speed against the budgets
	$(BIN)/python -m tests.bench $(ARGS)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed: make PYTHON=…'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || { echo 'Python has no venv: apt install python3-venv'; exit 1; }
	@echo 'Setting up $(VENV) …'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
		--config-settings editable_mode=compat -e .
	@touch $@

lock:  ## requirements.lock anew from pyproject.toml
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check 'pip-tools>=7.6,<8'
	build/lock/bin/pip-compile --quiet --upgrade --generate-hashes --extra dev --all-build-deps --allow-unsafe \
		--strip-extras --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--output-file requirements.lock pyproject.toml

clean:  ## forgets .venv and all that was built
	rm -rf $(VENV) build dist *.egg-info
