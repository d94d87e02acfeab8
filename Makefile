# Each pair of a Python and a TensorFlow has an environment of its own under .venv, made when first needed.

PYTHON ?= python3
# A version such as 2.12.* or 2.16.1; empty for the newest that this Python can have.
TENSORFLOW ?=
OLDEST_PYTHON ?= $(PYTHON)
NEWEST_PYTHON ?= $(PYTHON)
OLDEST_TENSORFLOW := 2.12.*
# Configurations drawn at random that are compared with the original.
TFBN_RANDOM_CASES ?= 20
export TFBN_RANDOM_CASES
# What random numbers and samples are drawn from: configurations, initial weights, moments to kill at.
TFBN_SEED ?= 20201
export TFBN_SEED
# Which tests: quick, usual or all.
TESTS ?= usual
SELECT_quick := -m "not slow and not process" --cases 1 --functions 6 \
  --ignore tests/parity --ignore tests/replicas --ignore tests/examples --ignore tests/test_docs.py --ignore tests/test_site.py
SELECT_usual := -m "not slow" --cases 2
SELECT_all :=
ifeq ($(filter quick usual all,$(TESTS)),)
$(error TESTS: expected quick, usual or all, got $(TESTS))
endif
# 1/2 or 2/2: that half of the cases of each test function that has many; empty for all.
PART ?=
# How often each command that writes is killed at random moments, beside at each call that changes a file.
TFBN_KILLS ?= 4
export TFBN_KILLS
# Processes of the tests; a TensorFlow takes some 600 MB in each.
WORKERS ?= 2
# Errors only: TensorFlow reports on the machine at every start.
export TF_CPP_MIN_LOG_LEVEL ?= 2
PYTEST_ARGS ?=

PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
# x for the asterisk, which make would take for a pattern.
ENV := .venv/python$(PYTHON_VERSION)-tensorflow$(or $(subst *,x,$(TENSORFLOW)),-newest)
RUN := $(ENV)/bin/python

.DEFAULT_GOAL := help
.NOTPARALLEL: # two pips must not work on one environment
.PHONY: help digits guide benchmark environment quick test lint pytest test-all mutants clean

help:
	@echo 'make digits    train, save, restore and plot the digits example'
	@echo 'make test      lint, types and tests: under 5 minutes'
	@echo 'make quick     lint, types and a sample of the quick tests: under a minute'
	@echo 'make lint      lint, format and types only'
	@echo 'make test-all  every test, 1000 random configurations and 200 kills, on TensorFlow $(OLDEST_TENSORFLOW) and on the newest'
	@echo 'make mutants   break the code in 60 places, one at a time, and see whether its tests notice'
	@echo 'make environment  install what the tests need, and stop there'
	@echo 'make benchmark time, memory and graph size as ratios to the op of TensorFlow itself'
	@echo 'make guide     build the migration guide as a site, into build/guide'
	@echo 'make clean     remove the environments and caches'
	@echo
	@echo 'PYTHON=python3.11      the Python to use, 3.9 to 3.13 (now: $(PYTHON))'
	@echo 'TENSORFLOW=2.12.*      the TensorFlow to use (now: $(or $(TENSORFLOW),the newest for this Python))'
	@echo 'TESTS=all              every test (now: $(TESTS); .ci/run and test-all take all)'
	@echo 'PART=1/2               half of the cases of each function that has many (.ci/run: one on each TensorFlow)'
	@echo 'TFBN_SEED=20201        what the tests draw random numbers and samples from'
	@echo 'TFBN_RANDOM_CASES=20   how many random configurations to compare (test-all: 1000)'
	@echo 'TFBN_KILLS=4           how often to kill each command that writes (test-all: 25, 200 in all)'
	@echo 'WORKERS=2              processes of the tests'
	@echo 'PYTEST_ARGS="-k name"  further arguments of pytest'
	@echo 'MUTANTS_ARGS="--count 20"  arguments of make mutants (python -m tests.mutants --help lists them)'
	@echo 'BENCHMARK_ARGS="--quick"  arguments of the benchmarks (--help lists them)'
	@echo 'OLDEST_PYTHON=python3.9 NEWEST_PYTHON=python3.13  the two Pythons of test-all'

digits: $(ENV)/.installed-digits
	$(RUN) examples/digits_graph.py $(DIGITS_ARGS)
	@echo 'The commands of README: $(ENV)/bin/tfbn'

guide: $(ENV)/.installed-guide
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict
	@echo 'The guide is in build/guide/index.html'

benchmark: $(ENV)/.installed-digits
	$(RUN) -m benchmarks $(BENCHMARK_ARGS)

environment: $(ENV)/.installed-test

test: lint pytest

quick:
	$(MAKE) test TESTS=quick

lint: $(ENV)/.installed-test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

pytest: $(ENV)/.installed-test
	$(RUN) -m pytest -n $(WORKERS) --dist worksteal $(SELECT_$(TESTS)) $(addprefix --part ,$(PART)) $(PYTEST_ARGS)

test-all:
	@$(OLDEST_PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 12))' || \
	  { echo 'TensorFlow $(OLDEST_TENSORFLOW) needs Python 3.9 to 3.11: make test-all OLDEST_PYTHON=python3.11 ...' >&2; exit 1; }
	$(MAKE) test PYTHON=$(OLDEST_PYTHON) TENSORFLOW='$(OLDEST_TENSORFLOW)' TESTS=all TFBN_RANDOM_CASES=1000 TFBN_KILLS=25
	$(MAKE) test PYTHON=$(NEWEST_PYTHON) TENSORFLOW= TESTS=all TFBN_RANDOM_CASES=1000 TFBN_KILLS=25

mutants: $(ENV)/.installed-mutants
	$(RUN) -m tests.mutants $(MUTANTS_ARGS)

clean:
	rm -rf .venv build dist tfbn.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Python compiles the modules that it imports, a third of what pip would.
# A stamp is written when pip has succeeded, and is out of date when the requirements have changed.
# Keras 2 is a package of its own from TensorFlow 2.16 on, with the same versions; before, Keras 2 is what is there.
BUILD := 'tensorflow$(addprefix ==,$(TENSORFLOW))'
KERAS_2 := $(if $(filter 2.12.% 2.13.% 2.14.% 2.15.%,$(TENSORFLOW)),,'tf_keras$(addprefix ==,$(TENSORFLOW))')
# TensorFlow 2.20 writes graphs as text by an argument that protobuf 7 no longer has, and does not say so.
PROTOBUF := $(if $(filter 2.20.%,$(TENSORFLOW)),'protobuf<7')
$(ENV)/.installed-guide: EXTRAS := guide
$(ENV)/.installed-digits: EXTRAS := tensorflow,examples,migrate,tools
$(ENV)/.installed-digits: BESIDE := $(BUILD)
$(ENV)/.installed-test: EXTRAS := tensorflow,examples,guide,test
$(ENV)/.installed-test: BESIDE := $(BUILD) $(KERAS_2) $(PROTOBUF)
$(ENV)/.installed-mutants: EXTRAS := tensorflow,examples,guide,test,mutants
$(ENV)/.installed-mutants: BESIDE := $(BUILD) $(KERAS_2) $(PROTOBUF)
$(ENV)/.installed-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' || \
	  { echo 'PYTHON=$(PYTHON) is not a Python of version 3.9 or newer that runs; name one: make PYTHON=python3.11 ...' >&2; exit 1; }
	@echo 'Installing into $(ENV): once, a few minutes'
	$(PYTHON) -m venv $(ENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-compile -e '.[$(EXTRAS)]' $(BESIDE)
	@touch $@
