# make run    sets up .venv where there is none, and trains: python dA.py
# make test   sets up .venv where there is none, and runs the tests
# make lint   checks style and layout
# make drill  kills runs, fills disks, breaks files, compiles 2000 random functions with and without
#             the rewrites: prints what was survived; takes half an hour
# make docs   builds the reading companion, build/docs/html/index.html (extra .[docs])
# make bench  measures against PyTorch, JAX and NumPy; installs them (extra .[bench])
#
# Variables: PYTHON (to make .venv with), VENV (its folder), ARGS (options for dA.py or pytest), e.g.
#   make run ARGS="--training-epochs 3 --dataset digits"

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

.PHONY: run test lint drill docs bench

run: $(VENV)/.installed
	$(VENV)/bin/python dA.py $(ARGS)

test: $(VENV)/.installed
	$(VENV)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

drill: $(VENV)/.installed
	$(VENV)/bin/python -m tests.faults.drill $(ARGS)
	$(VENV)/bin/python -m tests.faults.bad_inputs
	$(VENV)/bin/python -m tests.compile.random_graphs --count 2000

docs: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	$(VENV)/bin/python -m sphinx -W -q -b html -d build/docs/doctrees docs build/docs/html
	@echo "The companion is in build/docs/html/index.html"

bench: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(VENV)/bin/python -m benchmarks.run --full $(ARGS)
	$(VENV)/bin/python -m benchmarks.growth
	$(VENV)/bin/python -m benchmarks.variants

$(VENV)/.installed: setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "deeptutorial needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) -V 2>&1`;" \
	       "name another one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV); this is done once and takes a minute."
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	@touch $@
