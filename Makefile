# A developer's tasks; `make` lists them. BIN is the folder of the environment's programs.
BIN ?= .venv/bin
PYTHON ?= python3
ROOM ?=
ARGS ?=

# What stands on the bounded libraries most; all of it is `make lowest ARGS=tests`.
ORDINARY_ROOMS = tests/bank tests/models tests/responses tests/competencies tests/kernels tests/reports tests/result \
	tests/scoring/test_estimates.py tests/scoring/test_invariance.py

.DEFAULT_GOAL := help
.PHONY: help env test room lint docs golden bench recovery fuzz guided_fuzz lowest kernels lock

help:  ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

env:  ## .venv with everything a developer needs, at the versions of requirements-dev.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -c requirements-dev.txt -e ".[test,docs]" pre-commit

test:  ## the ordinary tests; ARGS go to pytest
	$(BIN)/pytest $(ARGS)

room:  ## the tests of one room: make room ROOM=scoring
	$(BIN)/pytest tests/$(ROOM) $(ARGS)

lint:  ## style, types and the rules of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs:  ## the pages, warnings are errors: docs/_build
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

golden:  ## compiled banks, the published JSON Schemas and the outputs shown in the pages, anew; read the difference
	$(BIN)/python tests/bank/test_compiled.py
	$(BIN)/python tests/result/test_schemas.py
	$(BIN)/python tests/result/small_documents.py
	$(BIN)/python tests/docs/rewrite_outputs.py $(ARGS)

bench:  ## speed and memory beside a peer: docs/benchmarks.md (needs the extra bench)
	$(BIN)/python tests/benchmarks/run.py $(ARGS)

recovery:  ## simulation studies of bias and coverage; hours
	$(BIN)/pytest -m recovery $(ARGS)

fuzz:  ## two thousand damaged documents for every importer, FUZZ=200 for fewer; an hour
	$(BIN)/pytest -m recovery tests/recovery/test_fuzz.py $(ARGS)

guided_fuzz:  ## inputs that look for code not yet run, KIND=.csv for five minutes (pip install atheris)
	$(BIN)/python tests/recovery/guided_fuzz.py $(or $(KIND),.csv) -max_total_time=$(or $(SECONDS),300)

lowest:  ## tests with the oldest allowed numpy, scipy, pandas, pydantic and pyarrow, in an environment of their own
	rm -rf .venv-lowest && $(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install "numpy==1.26.*" "scipy==1.12.*" "pandas==2.2.*" "pydantic==2.7.*" "pyarrow==16.*" ".[test]"
	.venv-lowest/bin/pytest $(or $(ARGS),$(ORDINARY_ROOMS))

kernels:  ## tests under two other kernels of the linear algebra, as on older processors
	OPENBLAS_CORETYPE=Haswell $(BIN)/pytest $(ARGS)
	OPENBLAS_CORETYPE=Sandybridge $(BIN)/pytest $(ARGS)

lock:  ## requirements-dev.txt from a fresh environment
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install ".[test,docs]" pre-commit
	( echo "# Versions that the tests last passed with, Python 3.11; written by: make lock"; \
	  .venv-lock/bin/pip freeze --exclude competency-dx ) > requirements-dev.txt
	rm -rf .venv-lock
