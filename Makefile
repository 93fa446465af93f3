# Everything a contributor or CI runs. `make` alone lists the targets. Each may be run twice and after an interruption.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
REPORTS := build/reports
# ansible-playbook, ssh helpers and the rest come from .venv, whatever the caller's PATH says.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The links below collections/ are the collection; nothing that a user has installed at home may shadow it.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/collections

.PHONY: help setup lint format unit contracts packaging sanity rig integration molecule test test-long bench demo demo-down rig-down docs lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv from the hashed lock: vsa, ansible-playbook, the test tools
	@scripts/setup.sh

lint: setup ## Lint and type-check: ruff, mypy, yamllint, ansible-lint (profile production), changelog, shell
	@scripts/lint.sh

format: setup ## Format the Python files and fix what ruff can fix
	ruff check --fix-only --quiet . && ruff format .

unit: setup ## Run the unit tests: the pure core, the modules' parts, the wrapper
	$(PYTEST) tests/unit wrapper/tests -m 'not long' -n 2 --junitxml=$(REPORTS)/unit.xml $(ARGS)

contracts: setup ## Check the project's own rules: role contracts, names, layout, generated reference
	$(PYTEST) tests/contracts --junitxml=$(REPORTS)/contracts.xml $(ARGS)

packaging: setup ## Open each door: a plain clone, an installed wheel, a Galaxy artifact
	$(PYTEST) tests/packaging --junitxml=$(REPORTS)/packaging.xml $(ARGS)

sanity: setup ## Run `ansible-test sanity` on the built collection artifact
	@scripts/sanity.sh

rig: setup ## Build the test rig's images (cached by content)
	$(BIN)/python tests/rig/rig.py images

integration: rig ## Run the tests that need real hosts, two files at a time: systemd VPSes with their own Docker engine, Pebble, NGINX
	$(PYTEST) tests/integration -m 'not long' -n 2 --dist loadfile --junitxml=$(REPORTS)/integration.xml $(ARGS)

molecule: rig ## Run the Molecule scenarios on Docker hosts
	@scripts/molecule.sh $(ARGS)

test: setup ## Run everything, fast groups first; stops at the first group that fails
	@$(BIN)/python scripts/run_tests.py

test-long: rig ## Run the tests marked `long`: kill at every step, load, thousands of sites
	$(PYTEST) tests/unit tests/integration wrapper/tests -m long --junitxml=$(REPORTS)/long.xml $(ARGS)

bench: rig ## Measure the verbs against a bare ping; prints one table and writes build/bench.json
	$(BIN)/python tests/bench/bench.py $(ARGS)

demo: setup ## The main job for real: a fresh VPS, bootstrap, proxy, an app, shop.demo.test over verified HTTPS
	$(BIN)/python tests/rig/demo.py up

demo-down: ## Remove every trace of the demo
	@if [ -x $(BIN)/python ]; then $(BIN)/python tests/rig/demo.py down; fi

rig-down: ## Remove every container, network and volume of the rig (images stay)
	@if [ -x $(BIN)/python ]; then $(BIN)/python tests/rig/rig.py down; fi

docs: setup ## Write all generated parts: docs/reference, the roles' READMEs and defaults, the tables of verbs and fields
	$(BIN)/python docs/generate.py

lock: setup ## Resolve requirements/*.lock again (UPGRADE=1 takes newer versions)
	@UPGRADE="$(UPGRADE)" scripts/lock.sh

clean: ## Remove what was built (not .venv, not the rig)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .ansible
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
