# make demo            a recurrent network learns to write Python, in a few minutes
# make test            the tests that take five minutes, on TensorFlow alone, in two processes
# make test-all        all tests: these, the slow ones, and test-backends; half an hour and more
# make test-slow       the slow ones: trainings, notebooks, kills, other processes
# make test-backends   layers, sampling, metrics and convert again, on JAX and (where installed) PyTorch
# make results         the tables of README.md and docs/ that are drawn from recipes/results/
# make notebooks       the notebooks, built from their sources and executed: ten minutes
# make site            these pages, a reference of rnn_kit and the notebooks as a web site, in site/
# make lint            ruff
#
# The first of them makes .venv and installs into it; the others find it there. PYTHON=python3.12 make demo
# chooses an interpreter (3.11 to 3.13).
PYTHON ?= python3
# Of the two processes that test each has a core, and trains what a file's tests share once.
ONE_THREAD := TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all test-slow test-backends results notebooks site lint install clean

install: $(VENV)/.installed

$(VENV)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else "Python 3.11 to 3.13 is needed, and $(PYTHON) is %d.%d: say PYTHON=python3.12 make ..." % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-backends: $(VENV)/.installed requirements-backends.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-backends.txt
	@touch $@

$(VENV)/.installed-site: $(VENV)/.installed requirements-site.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-site.txt
	@touch $@

demo: install
	$(BIN)/python recipes/nietzsche_generation.py --preset demo

test: install
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --share 12

test-slow: $(VENV)/.installed-site
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'slow and not long'

test-all: test test-slow test-backends

test-backends: $(VENV)/.installed-backends
	KERAS_BACKEND=jax $(BIN)/python -m pytest -m backends
	@if $(BIN)/python -c 'import torch' 2>/dev/null; then \
		KERAS_BACKEND=torch $(BIN)/python -m pytest -m backends; \
	else echo 'PyTorch is not installed in $(VENV): its part of test-backends is left out.'; fi

results: install
	$(BIN)/python docs/results.py

notebooks: install
	$(BIN)/python notebooks/build.py

site: $(VENV)/.installed-site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo 'Open site/index.html in a browser.'

lint: install
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

clean:
	rm -rf $(VENV)
