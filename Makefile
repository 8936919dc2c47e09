# One command a duty; CI calls the same ones. `make help` lists them.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Nothing is compiled ahead: of torch's thousands of modules a run imports a fraction.
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
# One process for each core, but no more than four: each may start a Redis, a Triton and a service.
# The tests of one file stay in one process, and in the order of collection: the slowest come first.
PYTEST := $(BIN)/pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

PAGE_TESTS := tests/integration/service/page
S3_TESTS := tests/integration/service/s3rver

# What .venv holds is compiled when it is first imported, whatever the caller's shell prefers.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install up export models train test-tools test check coverage lint bench lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

install: $(VENV)/.project $(VENV)/.triton ## set everything up in .venv and put `hiir` there

up: install models ## start the stack, restore the sample, serve until Ctrl-C; ONCE=1 ends after it
	@$(BIN)/hiir up --sample $(if $(ONCE),--once) $(ARGS)

export: install ## build model_repository/*/1/model.onnx from the trained weights; TARGET=gpu writes model_repository_gpu/
	$(BIN)/hiir export $(if $(TARGET),--target $(TARGET)) $(ARGS)

# What `up` and `test` need; ARGS are theirs, not the export's.
models: install
	@$(BIN)/hiir export

# Helm and promtool, once; the tests that need them are skipped where they cannot be had.
test-tools: $(VENV)/.dev
	@$(BIN)/python -m tests.unit.docker.cluster_tools

train: install ## train a model, for example: make train ARGS=denoise-color
	$(BIN)/hiir train $(ARGS)

test: $(VENV)/.dev $(VENV)/.page test-tools models ## run every test; the servers that they need are started by them
	$(PYTEST) $(ARGS)

check: lint ## lint and the unit tests without the slow ones: what to run after every change
	$(PYTEST) tests/unit -m "not slow" $(ARGS)

coverage: $(VENV)/.dev ## run the unit tests and list the lines that none of them reaches
	$(PYTEST) tests/unit --cov $(ARGS)

lint: $(VENV)/.dev ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=clients/python $(BIN)/lint-imports

bench: $(VENV)/.project ## measure the networks against a textbook, their peers and across runtimes
	$(BIN)/python -m benchmarks.library $(ARGS)

lock: $(VENV)/.dev ## resolve requirements/*.lock anew; UPGRADE=1 moves every version
	$(BIN)/python requirements/lock.py $(if $(UPGRADE),--upgrade)

clean: ## remove what was built, but not .venv and not the service's data
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	rm -rf model_repository/*/*/ model_repository_gpu

# Stamps: each is newer than what it was made of, or it is made again.

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; assert sys.version_info[:2] in {(3, 11), (3, 12)}' 2>/dev/null \
		|| { echo 'Python 3.11 or 3.12 is needed: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# With their dependencies, which are all in the lock: pip adds only what a platform's own build of
# torch wants, and complains of a lock that does not hold together.
$(VENV)/.train: requirements/train.lock | $(BIN)/pip
	@echo 'installing packages into $(VENV)'
	@$(PIP_INSTALL) -r $<
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.project
	@$(PIP_INSTALL) -r $<
	@touch $@

$(VENV)/.project: pyproject.toml $(VENV)/.train
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# What checks the web page and presigned URLs, where npm is there; the tests say what they miss.
$(VENV)/.page: $(PAGE_TESTS)/package-lock.json $(S3_TESTS)/package-lock.json | $(VENV)/.project
	@if command -v npm >/dev/null; then for tests in $(PAGE_TESTS) $(S3_TESTS); do \
		npm ci --silent --no-audit --no-fund --prefix $$tests || exit 1; done; fi
	@touch $@

# Not where the stack is told of a Triton that runs elsewhere.
$(VENV)/.triton: service/embedded/triton_release.py $(VENV)/.project
	@$(if $(HIIR_TRITON_URL),true,$(BIN)/python -m service.embedded fetch)
	@touch $@
