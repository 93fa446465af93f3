# Everything that a contributor or CI runs. `make` alone lists the targets. Each target may run twice, and after an interruption.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
REPORTS := build/reports
# Seconds after which a test counts as one that hangs. A test that may take longer says so itself.
HANGS := 600
# ansible-playbook and the other tools come from .venv, even if the caller's PATH has others.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The links below collections/ are the collection. A collection that a user has installed at home must not shadow it.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/collections
# Without bytecode on disk, each of the thousand processes that the tests start compiles Ansible and our own sources again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup lint format unit contracts packaging sanity rig dashboard integration molecule test test-long bench demo demo-down rig-down docs lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv from the hashed lock, with vsa, ansible-playbook and the test tools
	@scripts/setup.sh

lint: setup ## Lint and type-check: ruff, mypy, yamllint, ansible-lint (profile production), changelog, shell
	@scripts/lint.sh

format: setup ## Format the Python files, and fix the findings that ruff can fix
	ruff check --fix-only --quiet . && ruff format .

unit: setup ## Run the unit tests of the core, the parts of the modules, and the wrapper
	$(PYTEST) tests/unit wrapper/tests -m 'not long' -n 3 --timeout=$(HANGS) --junitxml=$(REPORTS)/unit.xml $(ARGS)

contracts: setup ## Check the project's own rules: contracts of roles, names, layout, the generated reference
	$(PYTEST) tests/contracts -n 2 --timeout=$(HANGS) --junitxml=$(REPORTS)/contracts.xml $(ARGS)

packaging: setup ## Test the three ways to install: a plain clone, a wheel, a Galaxy artifact
	$(PYTEST) tests/packaging --timeout=$(HANGS) --junitxml=$(REPORTS)/packaging.xml $(ARGS)

sanity: setup ## Run `ansible-test sanity` on the built collection artifact
	@scripts/sanity.sh

rig: setup ## Build the test rig's images (cached by content)
	$(BIN)/python tests/rig/rig.py images

dashboard: setup ## Run the tests of the hub on a PostgreSQL that the rig makes, in a container
	$(PYTEST) tests/dashboard -m 'not long' -n 2 --timeout=$(HANGS) --junitxml=$(REPORTS)/dashboard.xml $(ARGS)

integration: rig ## Run the tests on real hosts, three files at a time: systemd VPSes with their own Docker engine, Pebble, NGINX
	$(PYTEST) tests/integration -m 'not long' -n 3 --dist loadfile --timeout=$(HANGS) --junitxml=$(REPORTS)/integration.xml $(ARGS)

molecule: rig ## Run the Molecule scenarios on Docker hosts; ARGS=--long for those that take longer
	@scripts/molecule.sh $(ARGS)

test: setup ## Run all groups, those without hosts first, and stop at the first group that fails
	@$(BIN)/python scripts/run_tests.py

test-long: rig ## Run the tests marked `long` (a kill at every step, load, thousands of sites), the long scenarios, and one under the umask 027
	@scripts/molecule.sh --long
	@VSA_MOLECULE_UMASK=027 scripts/molecule.sh default
	$(PYTEST) tests/unit tests/integration tests/dashboard wrapper/tests -m long --junitxml=$(REPORTS)/long.xml $(ARGS)

bench: rig ## Measure the verbs against a bare ping, print one table and write build/bench.json
	$(BIN)/python tests/bench/bench.py $(ARGS)

demo: setup ## Do the main job: a fresh VPS, bootstrap, the proxy, an app, and shop.demo.test over verified HTTPS
	$(BIN)/python tests/rig/demo.py up

demo-down: ## Remove every trace of the demo
	@if [ -x $(BIN)/python ]; then $(BIN)/python tests/rig/demo.py down; fi

rig-down: ## Remove every container, network and volume of the rig (images stay)
	@if [ -x $(BIN)/python ]; then $(BIN)/python tests/rig/rig.py down; fi

docs: setup ## Write all generated parts again: docs/reference, the roles' READMEs and defaults, the tables of verbs and fields
	$(BIN)/python docs/generate.py

lock: setup ## Resolve requirements/*.lock again (UPGRADE=1 takes newer versions)
	@UPGRADE="$(UPGRADE)" scripts/lock.sh

clean: ## Remove everything that was built, except .venv and the rig
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .ansible
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
