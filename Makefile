# Everything that people type. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
UV := .venv/bin/uv
RUN := PATH="$(CURDIR)/.venv/bin:$(CURDIR)/.tools/sam/bin:$$PATH"
COMPILE := $(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-annotate --custom-compile-command "make lock"

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# --- environments: the project's own, SAM's and the embedded AWS's (each of the two pins its own botocore) ---

.venv/.ready: pyproject.toml requirements/dev.txt requirements/uv.txt
	@echo "Setting up .venv …" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Pullguard needs Python 3.11 or newer: make PYTHON=/path/to/python3.13 …" >&2; exit 1; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(UV) pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

.tools/sam/.ready: .venv/.ready requirements/sam.txt
	@echo "Setting up the SAM CLI …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/sam
	@$(UV) pip sync --quiet --python .tools/sam/bin/python --require-hashes requirements/sam.txt
	@touch $@

.tools/ministack/.ready: .venv/.ready requirements/sandbox.txt
	@echo "Setting up the embedded AWS …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/ministack
	@$(UV) pip sync --quiet --python .tools/ministack/bin/python --require-hashes requirements/sandbox.txt
	@touch $@

.PHONY: setup
setup: .venv/.ready .tools/sam/.ready .tools/ministack/.ready ## Set up all environments, and nothing else

.PHONY: lock
lock: .venv/.ready ## Renew the lock files (hashes, no addresses)
	$(COMPILE) --universal --python-version 3.11 requirements/uv.in -o requirements/uv.txt
	$(COMPILE) --universal --python-version 3.11 pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --universal --python-version 3.11 requirements/sam.in -o requirements/sam.txt
	$(COMPILE) --universal --python-version 3.11 requirements/sandbox.in -o requirements/sandbox.txt
	$(COMPILE) --python-version 3.13 --python-platform linux layers/dependencies/requirements.in \
		-o layers/dependencies/requirements.txt
