# Commands for people. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
UV := .venv/bin/uv
RUN := PATH="$(CURDIR)/.venv/bin:$(CURDIR)/.tools/sam/bin:$$PATH"
SAM_CLI := sam
SAM := $(RUN) SAM_CLI_TELEMETRY=0 $(SAM_CLI)
COMPILE := $(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-annotate --custom-compile-command "make lock"

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# --- environments: the project's own, and those of SAM, the embedded AWS, the AWS CLI and checkov (each pins its botocore) ---

.venv/.ready: pyproject.toml requirements/dev.txt requirements/uv.txt
	@echo "Setting up .venv …" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Pullguard needs Python 3.11 or newer: make PYTHON=/path/to/python3.13 …" >&2; exit 1; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(UV) pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

.tools/sam/.ready: .venv/.ready requirements/sam.txt
	@echo "Setting up the SAM CLI …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/sam
	@$(UV) pip sync --quiet --compile-bytecode --python .tools/sam/bin/python --require-hashes requirements/sam.txt
	@touch $@

.tools/ministack/.ready: .venv/.ready requirements/sandbox.txt
	@echo "Setting up the embedded AWS …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/ministack
	@$(UV) pip sync --quiet --compile-bytecode --python .tools/ministack/bin/python --require-hashes requirements/sandbox.txt
	@touch $@

.tools/aws/.ready: .venv/.ready requirements/aws-cli.txt
	@echo "Setting up the AWS CLI …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/aws
	@$(UV) pip sync --quiet --compile-bytecode --python .tools/aws/bin/python --require-hashes requirements/aws-cli.txt
	@touch $@

.tools/custodian/.ready: .venv/.ready requirements/bench.txt
	@echo "Setting up Cloud Custodian, for comparison …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/custodian
	@$(UV) pip sync --quiet --compile-bytecode --python .tools/custodian/bin/python --require-hashes requirements/bench.txt
	@touch $@

.tools/mutants/.ready: .venv/.ready requirements/mutants.txt
	@echo "Setting up cosmic-ray …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/mutants
	@$(UV) pip sync --quiet --compile-bytecode --python .tools/mutants/bin/python --require-hashes requirements/mutants.txt
	@touch $@

.tools/checkov/.ready: .venv/.ready requirements/checkov.txt
	@echo "Setting up checkov …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/checkov
	@$(UV) pip sync --quiet --compile-bytecode --python .tools/checkov/bin/python --require-hashes requirements/checkov.txt
	@touch $@

.PHONY: setup
setup: .venv/.ready .tools/sam/.ready .tools/ministack/.ready .tools/aws/.ready .tools/checkov/.ready ## Set up all environments

.PHONY: lock
lock: .venv/.ready ## Renew the lock files (hashes, no addresses)
	$(COMPILE) --universal --python-version 3.11 requirements/uv.in -o requirements/uv.txt
	$(COMPILE) --universal --python-version 3.11 pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --universal --python-version 3.11 requirements/sam.in -o requirements/sam.txt
	$(COMPILE) --universal --python-version 3.11 requirements/sandbox.in -o requirements/sandbox.txt
	$(COMPILE) --universal --python-version 3.11 requirements/aws-cli.in -o requirements/aws-cli.txt
	$(COMPILE) --universal --python-version 3.11 requirements/bench.in -o requirements/bench.txt
	$(COMPILE) --universal --python-version 3.11 requirements/mutants.in -o requirements/mutants.txt
	$(COMPILE) --universal --python-version 3.11 requirements/checkov.in -o requirements/checkov.txt
	$(COMPILE) --python-version 3.13 --python-platform linux requirements/runtime.in -o requirements/runtime.txt
	$(COMPILE) --python-version 3.13 --python-platform linux layers/dependencies/requirements.in \
		-o layers/dependencies/requirements.txt

# --- everyday ---

TOOLS := .venv/.ready .tools/sam/.ready .tools/ministack/.ready
PYTEST := .venv/bin/python -m pytest
TOGETHER := -n 3 --max-worker-restart 0 --dist loadfile --no-loadscope-reorder # end-to-end tests mostly wait, so others run beside them
CODE := layers cli functions sandbox scripts tests benchmarks

.PHONY: demo
demo: $(TOOLS) ## Break an example on an embedded AWS, let Pullguard fix it, and check the result; KEEP=1 leaves it running
	@KEEP="$(KEEP)" .venv/bin/python -m sandbox.demo

.PHONY: test
test: $(TOOLS) .tools/aws/.ready ## Run all tests: unit, contract, function, conformance, end to end, and in the Lambda runtime
	@$(RUN) $(PYTEST) $(TOGETHER) -m "not runtime" --junit-xml build/tests.xml $(ARGS)
	@status=0; \
		.venv/bin/python -m sandbox.runtime.available "the tests in the Lambda runtime and real containers (tests/runtime)" || status=$$?; \
		case $$status in 0) $(RUN) $(PYTEST) tests/runtime -m runtime --junit-xml build/runtime.xml $(ARGS);; 3) ;; *) exit 1;; esac

.PHONY: test-runtime
test-runtime: $(TOOLS) ## Run the tests in the Lambda runtime and real containers only (needs Docker)
	@$(RUN) $(PYTEST) tests/runtime -m runtime --junit-xml build/runtime.xml $(ARGS)

.PHONY: check
check: lint test ## Format, lint, types, template, and all tests

.PHONY: lint
lint: $(TOOLS) .tools/checkov/.ready ## Format (checked), lint, types, layers, cfn-lint, sam validate, checkov
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy $(CODE)
	PYTHONPATH=. .venv/bin/lint-imports
	for app in functions/*/app.py; do .venv/bin/mypy "$$app" >/dev/null || { .venv/bin/mypy "$$app"; exit 1; }; done
	.venv/bin/cfn-lint template.yaml
	$(RUN) SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 sam validate --lint
	.tools/checkov/bin/checkov --config-file .checkov.yaml --file template.yaml

.PHONY: format
format: .venv/.ready ## Format the code and apply the linter's automatic fixes
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: bench
bench: .venv/.ready .tools/custodian/.ready ## Measure structure and language (docs/house.md), the way of a grant, a batch, cost, growth, and all figures with a goal (docs/benchmarks.md)
	.venv/bin/python -m benchmarks.house > docs/house.md
	.venv/bin/python -m benchmarks.grant_path
	.venv/bin/python -m benchmarks.batch
	.venv/bin/python -m benchmarks.cost
	.venv/bin/python -m benchmarks.load

.PHONY: mutants
mutants: .venv/.ready .tools/mutants/.ready ## Change the code in many small ways and list what no test notices (docs/mutants.md); ARGS="--jobs 1"; an hour or more
	@.venv/bin/python -m benchmarks.mutants $(ARGS)

.PHONY: build
build: $(TOOLS) ## Build the application with SAM
	find functions -name __pycache__ -prune -exec rm -rf {} +
	$(SAM) build

.PHONY: invoke
invoke: $(TOOLS) ## Run one function with one event in the Lambda runtime: FUNCTION=resolve_change EVENT=events/…
	@.venv/bin/python -m sandbox.runtime.invoke $(FUNCTION) $(EVENT)

# scripts/deploy.py chooses stack and settings. The answers to a first deployment belong to this directory; git ignores them.
ANSWERS := $(CURDIR)/samconfig.guided.toml
DEPLOY = @$(RUN) SAM_CLI_TELEMETRY=0 .venv/bin/python -m scripts.deploy
TO = --env "$(ENV)" --answers "$(ANSWERS)" --sam "$(SAM_CLI)"
# The shell passes the text unchanged, so wildcards in it stay intact.
export PARAMETERS

.PHONY: deploy
deploy: deploy-where build ## Deploy or upgrade; asks for all parameters the first time; PARAMETERS="Mode=…" changes only these; ENV=dev, prod, or local (the demo)
	$(DEPLOY) deploy $(TO) --parameters "$$PARAMETERS"

.PHONY: remove
remove: remove-where $(TOOLS) ## Remove the stack that make deploy with the same ENV deployed; asks first, except with ENV=local
	$(DEPLOY) remove $(TO)

.PHONY: sync
sync: sync-where $(TOOLS) ## Deploy each saved change to your own stack in an account (ENV=dev)
	$(DEPLOY) sync $(TO)

.PHONY: logs
logs: logs-where $(TOOLS) ## Follow the logs of a deployed stack (ENV=dev); of one function: NAME=ResolveChangeFunction
	$(DEPLOY) logs $(TO) --function "$(NAME)"

.PHONY: deploy-where remove-where sync-where logs-where
deploy-where remove-where sync-where logs-where: .venv/.ready
	$(DEPLOY) $(subst -where,,$@) --check $(TO)

.PHONY: clean
clean: ## Remove all build output and installed environments
	rm -rf .venv .tools .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: docs
docs: .venv/.ready ## Regenerate docs/findings.md from the checks, and the alerts in docs/alerts.md from the composer
	.venv/bin/pullguard findings --markdown > docs/findings.md
	.venv/bin/python -m sandbox.showcase
