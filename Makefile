# make run    sets up .venv where there is none, and trains: python dA.py
# make test   sets up .venv where there is none, and runs the tests
# make lint   checks style and layout
# make types  checks type annotations
# make drill  kills runs, fills disks, breaks files, compiles random functions with and without the
#             rewrites: prints what was survived; takes ten minutes, or what ARGS="--size minute" or
#             ARGS="--size hour" say
# make docs   builds the reading companion, build/docs/html/index.html, and in Chinese in zh/ beside it
#             (extra .[docs])
# make catalogues  takes what changed on the companion's pages over into docs/locales/, to be translated
# make dist   builds source distribution and wheel in dist/, checks them, and tries the wheel in an
#             environment that has nothing else (extra .[dist])
# make bench  measures against PyTorch, JAX and NumPy; installs them (extra .[bench])
#
# Variables: PYTHON (to make .venv with), VENV (its folder), ARGS (options for dA.py or pytest), e.g.
#   make run ARGS="--training-epochs 3 --dataset digits"

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

.PHONY: run test lint types drill docs catalogues dist bench

run: $(VENV)/.installed
	$(VENV)/bin/python dA.py $(ARGS)

test: $(VENV)/.testing
	$(VENV)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

lint: $(VENV)/.testing
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.testing
	$(VENV)/bin/mypy

drill: $(VENV)/.testing
	$(VENV)/bin/python -m tests.faults.drill $(ARGS)

docs: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	rm -rf build/docs/executed  # the notebooks are run once, afresh, for both languages
	$(VENV)/bin/python -m sphinx -W -q -b html -d build/docs/doctrees docs build/docs/html
	$(VENV)/bin/python -m sphinx -W -q -b html -d build/docs/doctrees-zh -D language=zh_CN docs build/docs/html/zh
	@echo "The companion is in build/docs/html/index.html"

catalogues: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	$(VENV)/bin/python docs/catalogues.py

dist: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dist]'
	rm -rf dist build/clean && mkdir -p build
	$(VENV)/bin/python -m build --outdir dist . >build/dist.log 2>&1 || { cat build/dist.log; exit 1; }
	$(VENV)/bin/python -m twine check --strict dist/*
	$(VENV)/bin/python -m venv build/clean
	build/clean/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	cd build/clean && env -u PYTHONPATH bin/deeptutorial train dA --dataset digits \
	  --training-epochs 1 --n-hidden 10 --corruption-level 0.3 && test -s dA_plots/report.html
	rm -rf build/clean

bench: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(VENV)/bin/python -m benchmarks.run --full $(ARGS)
	$(VENV)/bin/python -m benchmarks.growth
	$(VENV)/bin/python -m benchmarks.variants
	$(VENV)/bin/python -m benchmarks.first_run

$(VENV)/.installed: setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "deeptutorial needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) -V 2>&1`;" \
	       "name another one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV); this is done once and takes a minute."
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.testing: $(VENV)/.installed
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	@touch $@
