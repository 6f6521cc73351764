# Everything a newcomer needs: make demo, make test. In Chinese: make demo ARGS="--lang zh".
# Each makes its own .venv from the hash-locked
# requirements; nothing else has to be installed but Python 3.11 or later and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check lock prove benchmarks pictures docs clean

demo: $(VENV)/.run
	$(BIN)/jihe demo --out demo $(ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy docs/benchmarks
	$(BIN)/lint-imports
	$(BIN)/python -m jihe.documents --check

prove: $(VENV)/.dev
	$(BIN)/python -m tests.prove

# The benchmarks that bring their own data, at a small size: a look at every figure, JSON or Markdown on
# standard output, minutes on two cores. The sizes of docs/benchmarks.md are in each script's first lines.
# Labelled providers as well, if their files are at hand: make benchmarks PROVIDERS=folder
benchmarks: $(VENV)/.run
	$(BIN)/python docs/benchmarks/run.py $(if $(PROVIDERS),--providers $(PROVIDERS))

docs: $(VENV)/.run
	$(BIN)/python -m jihe.documents

pictures: $(VENV)/.dev
	$(BIN)/python docs/pictures/make.py

$(VENV)/.python: pyproject.toml
	@$(PYTHON) .ci/preflight.py
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python requirements/run.lock
	@echo "Installing the locked packages into $(VENV); this takes a minute or two, once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.lock
	@echo "Installing what checks and tests need as well."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

# uv writes the locks: versions and hashes, no index address. Only whoever changes dependencies needs it.
lock:
	uv pip compile pyproject.toml --extra build --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements/dev.lock
	uv pip compile pyproject.toml --extra build -c requirements/dev.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements/run.lock

clean:
	rm -rf $(VENV) demo build *.egg-info
