# `make` alone lists the targets. Needs only python3 (3.11 to 3.13), make and git; see docs/decisions/0002-setting-up.md.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
WHEELHOUSE ?=
BIN := $(VENV)/bin
PIP := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pip --disable-pip-version-check
OFFLINE := $(if $(WHEELHOUSE),--no-index --find-links $(WHEELHOUSE))
# One thread for each library: answers are the same, and two workers do not fight over two cores.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

# The environment is as good as the lock it was made from: its stamp carries the lock's hash.
LOCK_HASH := $(shell cat requirements.txt pyproject.toml | $(PYTHON) -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])')
STAMP := $(VENV)/.installed-$(LOCK_HASH)
TESTS ?= tests
PYTEST := $(BIN)/python -m pytest -q

.PHONY: help setup run example test test-all reference types lint format house designs docs bench coverage detectable lines bad-inputs accessibility gallery site \
	hostile wheelhouse lock new-estimator clean

help: ## this list
	@echo "usage: make TARGET [PYTHON=python3.12] [WHEELHOUSE=folder]"; echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

# ---------------------------------------------------------------- environment
setup: $(STAMP) ## make the environment in .venv from the hash-locked requirements (once)
	@echo "$(VENV) is ready"

$(STAMP):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: make PYTHON=python3.12 …" % v)'
	@echo "setting up $(VENV) (about a minute and a half, once)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@rm -f $(VENV)/.installed-*
	@$(PIP) install -qq $(OFFLINE) --require-hashes --no-deps -r requirements.txt
	@$(PIP) install -qq --no-index --no-deps --no-build-isolation --editable .
	@touch $@

wheelhouse: $(STAMP) ## download every locked package into wheelhouse/, for a lab without network
	$(PIP) download -qq --require-hashes --no-deps -r requirements.txt --dest wheelhouse
	@echo "copy this folder and the repository into the lab; there: make setup WHEELHOUSE=wheelhouse"

lock: $(STAMP) ## resolve requirements.txt anew from pyproject.toml (needs network)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --group dev pyproject.toml --output-file requirements.txt --upgrade

# ---------------------------------------------------------------- the main job
run: $(STAMP) ## the README's main job: the first-wave pilots of Signs of Safety, on the published panel of England
	$(BIN)/sos-eval run designs/sos_pilots_care_entry.yaml --force

example: $(STAMP) ## a matched evaluation on simulated authorities
	$(BIN)/sos-eval run designs/matched_did_care_entry.yaml --force

designs: $(STAMP) ## run every design that comes with the project
	$(PYTEST) tests/jobs/test_designs.py

# ---------------------------------------------------------------- tests
test: $(STAMP) ## the fast tests (SLOW_SAMPLE=3: and three of the slow ones)
	$(PYTEST) -n 2 --dist loadgroup $(if $(SLOW_SAMPLE),--slow-sample $(SLOW_SAMPLE),-m "not slow") $(TESTS)

test-all: $(STAMP) ## every test, the slow statistical ones included
	$(PYTEST) -n 2 --dist loadgroup $(TESTS)

accessibility: $(STAMP) ## pages of runs in headless Chromium against WCAG 2.2 AA; AXE_CORE=folder of axe-core, or npm has it
	$(PYTEST) -rs tests/report/test_accessibility.py tests/report/test_frame.py

reference: $(STAMP) ## agreement with stored numbers from R and others, and docs/reference.md
	$(PYTEST) -m reference -rA $(TESTS)
	$(BIN)/python -m tests.reference.table --page

house: $(STAMP) ## floors, public names, generated docs, every design clean; prints the house's figures
	$(PYTEST) -n 2 --dist loadgroup -m "not slow" tests/house
	$(BIN)/python -m tests.house.figures

bad-inputs: $(STAMP) ## what the tool says to wrong input, case by case
	$(BIN)/python -m tests.cli.bad_inputs
	$(BIN)/python -m tests.cli.bad_power
	$(BIN)/python -m tests.panel.bad_inputs

hostile: $(STAMP) ## every hostile file and declaration, in forks with limits, against its stored answer
	$(PYTEST) -n 2 tests/hostile

coverage: $(STAMP) ## size and coverage of every inference by simulation, on real noise and on england (two to three hours on two cores)
	$(BIN)/python -m tests.statistical.coverage

detectable: $(STAMP) ## are stated detectable sizes found four times in five, on the published panel's noise (about half an hour)
	$(BIN)/python -m tests.statistical.detectable

lines: $(STAMP) ## lines that the fast tests do not reach
	$(BIN)/python -m coverage run --source sos_eval -m pytest -q -m "not slow" $(TESTS)
	$(BIN)/python -m coverage report --skip-covered --sort cover

bench: $(STAMP) .bench-venv/.installed ## timings of what users wait for, and of estimators beside their peers
	$(BIN)/python -m bench
	$(BIN)/python -m bench.cluster
	$(BIN)/python -m bench.discovery
	for bench in peers family power large permutations groups matched processes; do \
		RAYON_NUM_THREADS=1 NUMBA_NUM_THREADS=1 POLARS_MAX_THREADS=1 .bench-venv/bin/python -m bench.$$bench || exit 1; done

.bench-venv/.installed: bench/requirements.txt
	$(PYTHON) -m venv .bench-venv
	PYTHONDONTWRITEBYTECODE= .bench-venv/bin/python -m pip --disable-pip-version-check install -q $(OFFLINE) -r $<
	touch $@

# ---------------------------------------------------------------- code
types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

lint: $(STAMP) ## ruff and the floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP) ## write docs/glossary.md and the registry's list anew
	$(BIN)/python -m tests.house.generated

gallery: $(STAMP) ## draw docs/gallery.md anew: every figure once, from designs that are run (five minutes; KEEP=folder keeps the runs)
	$(BIN)/python -m tests.house.gallery $(KEEP)

site: $(STAMP) ## the documents as pages that stand by themselves, in site/; a link that leads nowhere ends it
	rm -rf site
	$(BIN)/python -m tests.house.site site

new-estimator: $(STAMP) ## lay out an estimator's files: make new-estimator NAME=stacked
	@[ -n "$(NAME)" ] || { echo "make new-estimator NAME=stacked"; exit 2; }
	$(BIN)/python -m tests.house.new_estimator $(NAME)

clean: ## remove the environment, caches and partial output (reports stay)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.partial' -prune -exec rm -rf {} +
