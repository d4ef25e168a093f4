# Needs make and Python 3.10 or newer; everything else is installed into .venv from the locks.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
# Each process imports and collects all tests for itself, which is seconds of CPU; many tests only wait.
JOBS ?= 4
MATRIX ?= 3.10 3.11 3.12 3.13
RUNTIME ?= python3.12
REGION ?= cn-hangzhou
BUCKET ?= my-bucket
UV_VERSION := 0.13.9

BIN := .venv/bin
# Where bytecode may not be written, each process compiles every module that it imports, tests included.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "Variables: PYTHON=$(PYTHON) (of .venv) JOBS=$(JOBS) (test processes) MATRIX='$(MATRIX)'"

.PHONY: env
env: ## Create .venv from the locks, if it is not there as they want it
	@.ci/make-venv "$(PYTHON)" .venv requirements-dev.txt requirements-ros.txt

.PHONY: lint
lint: env ## Check style, format, types, imports, and template.yml
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=functions:. $(BIN)/lint-imports --no-logo
	$(BIN)/python -m deploy lint

.PHONY: format
format: env ## Mend what can be mended of style and format
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

.PHONY: docs
docs: env ## Make the tables of README.md and docs/ anew from the code
	PYTHONPATH=functions:. $(BIN)/python -m tests.support.doc_tables

.PHONY: session
session: env ## Write what the commands of the session in docs/operate.md say now into it
	PYTHONPATH=functions:. $(BIN)/python -m tests.support.operate_session

PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
# The tests of functions/, which `make coverage` measures: those of other folders add nothing to it.
MEASURED := $(addprefix tests/,contract entry_points follow unit)

.PHONY: test
test: env ## Run the quick tests
	$(PYTEST) -m "not deep"

# Apart from `test`, as a measured test needs two to three times the CPU.
.PHONY: coverage
coverage: env ## Measure the quick tests of functions/, which must be covered to 100 %, branches included
	$(PYTEST) -m "not deep" $(MEASURED) --cov

.PHONY: test-full
test-full: env ## Run every test: the deep ones too, and many more examples of each property
	TEST_DEPTH=full $(PYTEST)

.PHONY: test-unit
test-unit: env ## Run the quick unit tests
	$(BIN)/python -m pytest -n $(JOBS) -m "not deep" tests/unit

.PHONY: test-matrix
test-matrix: ## Run the quick tests on every Python of MATRIX that this machine has
	@absent=; \
	for version in $(MATRIX); do \
		if .ci/find-python "$$version" >/dev/null; then \
			$(MAKE) --no-print-directory "test-on-$$version" || exit 1; \
		else \
			absent="$$absent $$version"; \
		fi; \
	done; \
	if [ -n "$$absent" ]; then echo "Not tested, as this machine has no Python$$absent"; fi

test-on-%:
	@.ci/make-venv "$$(.ci/find-python $*)" .venv-$* requirements-dev.txt requirements-ros.txt
	@echo "Python $*:"
	.venv-$*/bin/python -m pytest -n $(JOBS) -m "not deep"

.PHONY: package
package: env ## Build the zip that is deployed (RUNTIME=python3.10: for the other runtime; RULES=FILE, CA_FILE=FILE: with these)
	$(BIN)/python -m deploy package --runtime $(RUNTIME) $(if $(RULES),--rules '$(RULES)') \
		$(if $(CA_FILE),--ca-file '$(CA_FILE)')

.PHONY: deploy-help
deploy-help: env ## Print the script that creates a stack (REGION=... BUCKET=...)
	@$(BIN)/python -m deploy create --region $(REGION) --bucket $(BUCKET) \
		--package dist/imc-refresh-$(RUNTIME).zip

.PHONY: demo
demo: env ## Play the main job on local servers
	$(BIN)/python -m local demo

.PHONY: soak
soak: env ## Play 2,000 pushes with faults on local servers (SEED=... repeats a story)
	$(BIN)/python -m tests.soak $(if $(SEED),--seed $(SEED))

.PHONY: laws
laws: env ## Measure the laws of follow-up, a line each (SHORT=1: the part that the tests have)
	PYTHONPATH=functions:. $(BIN)/python -m tests.laws $(if $(SHORT),--short)

.PHONY: faults
faults: env ## Put faults into follow-up, one at a time: the laws and the stories have to see each
	PYTHONPATH=. $(BIN)/python -m tests.laws.faults

.PHONY: fuzz
fuzz: env ## Play mutated payloads of every source (SEED=... COUNT=... SOURCE=... repeat or narrow it)
	$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT)) \
		$(if $(SOURCE),--source $(SOURCE))

.PHONY: bench
bench: env ## Measure the functions
	$(BIN)/python -m tests.performance

.PHONY: resource-types
resource-types: env ## Make the property lists of template.yml's resource types anew from the vendor's
	PYTHONPATH=. $(BIN)/python -m tests.support.resource_types

.PHONY: lock
lock: .venv-lock/bin/uv ## Make the locks anew from requirements*.in (UPGRADE=1: the newest versions)
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in pyproject.toml --all-extras -o requirements-dev.txt

# One lock for all supported Pythons and machines, with no word about the index it was made from.
LOCK = .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.10 --no-python-downloads \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	$(if $(UPGRADE),--upgrade)

.venv-lock/bin/uv: Makefile
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv==$(UV_VERSION)
	@touch $@

.PHONY: clean
clean: ## Remove environments, caches and what was built
	rm -rf .venv .venv-* build dist
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov
	find . -type d -name __pycache__ -prune -exec rm -rf {} +
