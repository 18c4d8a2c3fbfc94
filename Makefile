# Everything that people type. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
UV := .venv/bin/uv
RUN := PATH="$(CURDIR)/.venv/bin:$(CURDIR)/.tools/sam/bin:$$PATH"
SAM := $(RUN) SAM_CLI_TELEMETRY=0 sam
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
	@echo "Setting up Cloud Custodian, to measure beside …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/custodian
	@$(UV) pip sync --quiet --compile-bytecode --python .tools/custodian/bin/python --require-hashes requirements/bench.txt
	@touch $@

.tools/checkov/.ready: .venv/.ready requirements/checkov.txt
	@echo "Setting up checkov …" >&2
	@$(UV) venv --quiet --allow-existing --python .venv/bin/python .tools/checkov
	@$(UV) pip sync --quiet --compile-bytecode --python .tools/checkov/bin/python --require-hashes requirements/checkov.txt
	@touch $@

.PHONY: setup
setup: .venv/.ready .tools/sam/.ready .tools/ministack/.ready .tools/aws/.ready .tools/checkov/.ready ## Set up all environments, and nothing else

.PHONY: lock
lock: .venv/.ready ## Renew the lock files (hashes, no addresses)
	$(COMPILE) --universal --python-version 3.11 requirements/uv.in -o requirements/uv.txt
	$(COMPILE) --universal --python-version 3.11 pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --universal --python-version 3.11 requirements/sam.in -o requirements/sam.txt
	$(COMPILE) --universal --python-version 3.11 requirements/sandbox.in -o requirements/sandbox.txt
	$(COMPILE) --universal --python-version 3.11 requirements/aws-cli.in -o requirements/aws-cli.txt
	$(COMPILE) --universal --python-version 3.11 requirements/bench.in -o requirements/bench.txt
	$(COMPILE) --universal --python-version 3.11 requirements/checkov.in -o requirements/checkov.txt
	$(COMPILE) --python-version 3.13 --python-platform linux requirements/runtime.in -o requirements/runtime.txt
	$(COMPILE) --python-version 3.13 --python-platform linux layers/dependencies/requirements.in \
		-o layers/dependencies/requirements.txt

# --- everyday ---

TOOLS := .venv/.ready .tools/sam/.ready .tools/ministack/.ready
PYTEST := .venv/bin/python -m pytest
TOGETHER := -n 3 --dist loadfile --no-loadscope-reorder # end-to-end tests mostly wait: the others run beside them
CODE := layers cli functions sandbox tests benchmarks

.PHONY: demo
demo: $(TOOLS) ## Break a world on an embedded AWS, let Pullguard heal it, and prove it; KEEP=1 leaves it running
	@KEEP="$(KEEP)" .venv/bin/python -m sandbox.demo

.PHONY: test
test: $(TOOLS) .tools/aws/.ready ## Run all tests: unit, contract, function, conformance, end to end, and in the Lambda runtime
	@$(RUN) $(PYTEST) $(TOGETHER) -m "not runtime" --junit-xml build/tests.xml $(ARGS)
	@status=0; \
		.venv/bin/python -m sandbox.runtime.available "the tests in the Lambda runtime and real containers (tests/runtime)" || status=$$?; \
		case $$status in 0) $(RUN) $(PYTEST) -m runtime --junit-xml build/runtime.xml $(ARGS);; 3) ;; *) exit 1;; esac

.PHONY: test-runtime
test-runtime: $(TOOLS) ## Run the tests in the Lambda runtime and real containers only (needs Docker)
	@$(RUN) $(PYTEST) -m runtime --junit-xml build/runtime.xml $(ARGS)

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
format: .venv/.ready ## Format the code, and mend what the linter can mend
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: bench
bench: .venv/.ready .tools/custodian/.ready ## Measure structure and language (docs/house.md), access decisions and the audit (docs/benchmarks.md)
	.venv/bin/python -m benchmarks.house > docs/house.md
	.venv/bin/python -m benchmarks.access --rounds 20
	.venv/bin/python -m benchmarks.audit

.PHONY: build
build: $(TOOLS) ## Build the application with SAM
	find functions -name __pycache__ -prune -exec rm -rf {} +
	$(SAM) build

.PHONY: invoke
invoke: $(TOOLS) ## Run one function with one event in the Lambda runtime: FUNCTION=resolve_change EVENT=events/…
	@.venv/bin/python -m sandbox.runtime.invoke $(FUNCTION) $(EVENT)

# Where AWS_ENDPOINT_URL is not this machine, or something else decides where a call goes, it is an account: refused.
# The embedded AWS's own key is the second lock, since no account knows it.
LOOPBACK := ^http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]+/?$$
EMBEDDED := env -u AWS_PROFILE -u AWS_SESSION_TOKEN AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
	AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false
DEMO := --stack-name pullguard --no-confirm-changeset
DEMO_PARAMETERS := Mode=remediate MoveServices=true

# What a first deployment was answered, for this directory alone: git ignores it. Its parameters are forgotten once they are
# the stack's, since the next deployment would set them again, whatever the stack has been given in the meantime.
ANSWERS := $(CURDIR)/samconfig.guided.toml
ANSWERED = "$$(sed -n 's/^stack_name = "\(.*\)"/\1/p' "$(ANSWERS)")"
STANDS = $(SAM) list stack-outputs --output json $(SETTINGS) --stack-name $(ANSWERED) 2>/dev/null | grep LedgerTable >/dev/null
FORGET_PARAMETERS = test ! -e "$(ANSWERS)" || ! $(STANDS) \
	|| { sed -i.old '/^parameter_overrides/d' "$(ANSWERS)" && rm -f "$(ANSWERS).old"; }
FORGET = $(STANDS) || rm -f "$(ANSWERS)"
# Where the stack remediates and patterns of it are still *, its output OpenPatterns names them.
OUTPUTS = $(if $(filter local,$(ENV)),$(EMBEDDED) )$(SAM) list stack-outputs --output json $(SETTINGS)$(if $(filter local,$(ENV)), \
	--stack-name pullguard,$(if $(ENV),, --stack-name $(ANSWERED)))
WARN = open="$$({ $(OUTPUTS) 2>/dev/null || true; } | tr -d '\n' \
	| sed -n 's/.*"OutputKey": "OpenPatterns", *"OutputValue": "\([^"]*[^" ]\) *".*/\1/p')"; [ -z "$$open" ] \
	|| echo "Warning: Mode=remediate with patterns of * (any): $$open. Narrow them" \
	"(make deploy PARAMETERS='ManagedRolePattern=*-execution'; README.md)." >&2
FIRST = $(if $(ENV),,$(shell test -e "$(ANSWERS)" || echo first))
SETTINGS = $(if $(ENV),--config-env $(ENV),--config-file "$(ANSWERS)")
# The shell hands the text on as it is, so that a wildcard in it stays one.
CHANGES = $(if $(PARAMETERS), --parameter-overrides "$$PARAMETERS")
export PARAMETERS

.PHONY: deploy
deploy: $(if $(FIRST),deploy-first,deploy-again) ## Deploy, or upgrade; asks for all the first time; PARAMETERS="Mode=…" changes these alone; ENV=dev, prod, or local: the demo

.PHONY: deploy-first
deploy-first: deploy-where build
	@echo "A first deployment: sam asks for everything, and what it offers are the template's defaults. A stack that runs already" \
		"keeps its parameters with make deploy ENV=prod (the stack pullguard)." >&2
	@echo 'version = 0.1' > "$(ANSWERS)"
	@trap 'grep -qs "^stack_name" "$(ANSWERS)" || rm -f "$(ANSWERS)"' EXIT; \
		$(SAM) deploy --guided $(SETTINGS) --stack-name pullguard --capabilities CAPABILITY_IAM --confirm-changeset$(CHANGES)
	@$(WARN)
	@$(FORGET_PARAMETERS)

.PHONY: deploy-again
deploy-again: deploy-where build
	$(if $(filter local,$(ENV)),$(EMBEDDED) )$(SAM) deploy --no-fail-on-empty-changeset $(SETTINGS)$(if $(filter local,$(ENV)), \
		$(DEMO) --parameter-overrides "$${PARAMETERS:-$(DEMO_PARAMETERS)}",$(CHANGES))
	@$(WARN)
	@$(if $(ENV),,$(FORGET_PARAMETERS))

.PHONY: deploy-where
deploy-where:
	@case "$(ENV)" in \
		""|dev|prod) ;; \
		local) endpoint='$(LOOPBACK)'; \
			[[ "$${AWS_ENDPOINT_URL:-}" =~ $$endpoint ]] && ! env | grep -q '^AWS_ENDPOINT_URL_' || { \
			echo "ENV=local is the embedded AWS alone, and AWS_ENDPOINT_URL is not (or not only) an address of this machine:" >&2; \
			echo "run make demo KEEP=1, export here what it prints, and unset AWS_ENDPOINT_URL_…; an account takes ENV=dev." >&2; exit 1; };; \
		*) echo "samconfig.toml has no environment '$(ENV)': ENV is local, dev or prod." >&2; exit 1;; \
	esac

.PHONY: remove
remove: remove-where $(TOOLS) ## Remove what make deploy with the same ENV deployed; asks first (ENV=local does not)
	$(if $(filter local,$(ENV)),$(EMBEDDED) )$(SAM) delete $(SETTINGS)$(if $(filter local,$(ENV)), \
		--stack-name pullguard --no-prompts,$(if $(ENV),, --stack-name $(ANSWERED)))
	@$(if $(ENV),,$(FORGET))

.PHONY: remove-where
remove-where: deploy-where
	@[ -z "$(FIRST)" ] || { \
		echo "Nothing was deployed from this directory without ENV: say which stack, make remove ENV=prod (pullguard) or ENV=dev (pullguard-dev)." >&2; \
		exit 1; }

.PHONY: sync
sync: sync-where $(TOOLS) ## Carry each change over to your own stack in an account as you save it (ENV=dev)
	$(SAM) sync --watch --config-env dev

.PHONY: sync-where
sync-where:
	@[ "$(or $(ENV),dev)" = dev ] || { \
		echo "make sync is for ENV=dev alone: it passes by change sets, which every other environment asks for (make deploy)." >&2; exit 1; }

.PHONY: logs
logs: logs-where $(TOOLS) ## Follow the logs of a deployed stack (ENV=dev); of one function: NAME=ResolveChangeFunction
	$(SAM) logs --tail --config-env $(or $(ENV),dev) $(if $(NAME),--name $(NAME))

.PHONY: logs-where
logs-where:
	@case "$(or $(ENV),dev)" in dev|prod) ;; \
		*) echo "make logs follows a stack in an account: ENV is dev or prod. What a function logs here, make invoke shows." >&2; exit 1;; esac

.PHONY: clean
clean: ## Remove everything that was built or installed here
	rm -rf .venv .tools .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: docs
docs: .venv/.ready ## Write docs/findings.md anew from the checks, and the alerts in docs/alerts.md from the composer
	.venv/bin/pullguard findings --markdown > docs/findings.md
	.venv/bin/python -m sandbox.showcase
