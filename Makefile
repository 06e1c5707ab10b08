# The one entry: `make up` shows it, `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
STACK ?= mock
INPUT ?= examples/input.edinburgh.json

# A worker that writes no byte code starts two to four times slower.
unexport PYTHONDONTWRITEBYTECODE
# uv reads a variable of its own for the package index; pip's counts where that is not set.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.PHONY: help up down run install check format lint types unit test lock schemas properties snapshots images screenshot docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: install ## Install, start the embedded AWS, deploy the stack on it, run Edinburgh and a pipeline, show the results
	@$(BIN)/scout up --stack $(STACK)
	@$(BIN)/scout run --input $(INPUT) --out .scout/results
	@$(BIN)/scout send candidate-realtime --input examples/candidates.json
	@echo "Next: $(BIN)/scout run --input examples/input.london.json"
	@echo "      $(BIN)/scout send candidate-batch --input examples/candidates.json (a real Spark job; needs Java 17)"
	@echo "      $(BIN)/scout --help; make down stops it all"

down: install ## Stop what `make up` started
	@$(BIN)/scout down

run: install ## Run another city on what is up: make run INPUT=examples/input.london.json
	@$(BIN)/scout run --input $(INPUT) --out .scout/results

install: $(INSTALLED) ## Make .venv from the locked requirements

# uv comes first, by its own hash from the lock; it then installs the rest.
$(INSTALLED): requirements-dev.txt requirements-data.txt requirements-sdist.txt pyproject.toml
	@echo "Installing into .venv (once; about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make install PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements-dev.txt > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements-data.txt
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --no-binary :all: \
		--no-build-isolation --dest .venv/sdists -r requirements-sdist.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

check: format lint types unit ## What to run before each commit

format: install ## Check the formatting
	@$(BIN)/ruff format --check .

lint: install ## Run the linter
	@$(BIN)/ruff check .

types: install ## Check the types (mypy --strict)
	@$(BIN)/mypy

unit: install ## Run the unit tests alone
	@$(BIN)/pytest tests/unit -n 2

test: install ## Everything that proves it: checks, then unit, integration and end-to-end tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pytest tests -n 2 --dist loadgroup

lock: install ## Resolve the dependencies anew into the locked requirements
	@for name in requirements-dev requirements lambdas/requirements/core lambdas/requirements/osm \
		lambdas/requirements/web lambdas/requirements/wiki lambdas/requirements/places lambdas/requirements/parquet \
		lambdas/requirements/postgres lambdas/requirements/overture lambdas/requirements/runtime \
		glue_scripts/requirements/runtime glue_scripts/requirements/places; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
			--custom-compile-command "make lock" $$( [ $$name = requirements-dev ] || echo "-c requirements-dev.txt" ) \
			$$name.in -o $$name.txt; done
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-deps --python-version 3.11 \
		--no-emit-index-url --custom-compile-command "make lock" requirements-data.in -o requirements-data.txt
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-deps --no-binary :all: --python-version 3.11 \
		--no-emit-index-url --custom-compile-command "make lock" requirements-sdist.in -o requirements-sdist.txt

schemas: install ## Write schemas/ anew from the models
	@$(BIN)/python -m scout schemas

properties: install ## Write docs/properties.md anew from the tests' marks
	@$(BIN)/python -m tests.properties

snapshots: install ## Accept changed snapshots, after reading their difference
	@$(BIN)/pytest tests/unit -n 2 --snapshot-update

images: install ## Draw the state machines anew into docs/images
	@$(BIN)/python -m tests.pictures

screenshot: install ## Run Edinburgh on an embedded AWS of its own, and take docs/images/report.png; needs Chromium
	@$(BIN)/python -m tests.screenshot

docs: install ## Build the site of the documents into .build/site; a broken link fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open .build/site/index.html"

clean: ## Stop the embedded AWS, and remove what the targets made
	@if [ -x $(BIN)/scout ]; then $(BIN)/scout down; fi
	rm -rf .venv .build .scout .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
