# `make app` and `make test` do all the set-up they need, in .venv, from a fresh checkout.
# Versions are pinned in constraints.txt, and those of the image with hashes in requirements.lock;
# `make lock` writes both anew from the current .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# So many tests run at a time, a file of tests always in one process; "0" is none but this one. Six
# fill two cores, for tests wait for browsers, servers and limits half of their time.
WORKERS ?= 6
PYTEST := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Where it is set, each of the hundreds of processes that tests start would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

# What the commands in the README use, but for training: all of it is there within a minute.
APP := app,batch,client,heif,serve,watch

.PHONY: help app all test test-change test-unit test-slow test-scale test-costs coverage check bench test-lowest test-newest package docs docs-serve figures notebook screenshots lock clean

help:
	@echo "make app     open the pages for photos and live video (ARGS='--server.port 9000' is passed on)"
	@echo "make all     set up everything that one computer can do, training too, without opening anything"
	@echo "make test    check the code and run the tests that a change needs (WORKERS=2 for two at a time)"
	@echo "make test-costs  run them and list the dearest, by processor time (ARGS='tests/pages' for some)"
	@echo "make test-unit   run those that need no other process"
	@echo "make test-slow   run the long forms, which make test leaves out"
	@echo "make test-scale  run those of Ray, S3 and Schemathesis, in .venv-scale"
	@echo "make coverage    measure which branches of the run time the tests reach"
	@echo "make check   check the code only: ruff and mypy"
	@echo "make bench   measure how fast it is here (ARGS=--quick: in about 40 seconds, rougher)"
	@echo "make test-lowest  run the tests with the oldest versions that pyproject.toml allows (ARGS as for pytest)"
	@echo "make test-newest  run them with the newest that there are"
	@echo "make package  build wheel and source distribution in dist, and try them in a fresh environment"
	@echo "make docs    build the documentation into site/; make docs-serve shows it while you write"
	@echo "make figures draw the pictures of results and samples for the documentation"
	@echo "make notebook  run the notebook from start to end; MASKWATCH_DATA names the folder of the public sets"
	@echo "make screenshots  take the pictures of the pages for the documentation; needs Chromium"
	@echo "make lock    pin the versions that are now in .venv"
	@echo "make clean   remove .venv and what tools left behind"

app: .venv/app.stamp
	$(BIN)/maskwatch app $(ARGS)

all: .venv/all.stamp
	@echo "everything is in .venv; $(BIN)/maskwatch --help lists the commands"

# Side by side: mypy has one core for a minute, and tests wait for browsers and servers now and then.
test: .venv/dev.stamp
	$(MAKE) --no-print-directory --jobs=2 check test-change

test-change: .venv/dev.stamp
	$(BIN)/python $(PYTEST) -m "not slow and not scale" $(ARGS)

test-costs: .venv/dev.stamp
	PYTHONPATH=tests $(BIN)/python $(PYTEST) -p support.costs -m "not slow and not scale" $(ARGS)

test-unit: .venv/dev.stamp
	$(BIN)/python $(PYTEST) -m "not slow" tests/unit $(ARGS)

test-slow: .venv/dev.stamp
	$(BIN)/python $(PYTEST) -m "slow and not scale" $(ARGS)

# One after the other: each starts a cluster or a store of its own.
test-scale: .venv-scale/stamp
	.venv-scale/bin/python -m pytest -m scale tests/scale $(ARGS)

# Training is left out, for it is measured by what it trains, and so are browsers, a third of all work.
coverage: .venv/dev.stamp
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST) -m "not slow and not scale and not training and not package and not browser" $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev.stamp
	$(BIN)/maskwatch bench $(ARGS)

# Old packages use what newer ones deprecate, and the newest deprecate what we use; neither is a fault yet.
test-lowest: .venv-lowest/stamp
	.venv-lowest/bin/python $(PYTEST) -m "not slow" -W default $(ARGS)

test-newest: pyproject.toml
	test -x .venv-newest/bin/python || $(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager -e '.[dev]'
	.venv-newest/bin/python $(PYTEST) -m "not slow" -W default $(ARGS)

package: .venv/dev.stamp
	$(BIN)/python scripts/check_package.py dist

docs: .venv/docs.stamp
	$(BIN)/zensical build --clean --strict
	$(BIN)/python scripts/check_site.py site

docs-serve: .venv/docs.stamp
	$(BIN)/zensical serve $(ARGS)

figures: .venv/dev.stamp
	$(BIN)/python scripts/figures.py

notebook: .venv/notebook.stamp
	$(BIN)/python scripts/run_notebook.py $(ARGS)

screenshots: .venv/dev.stamp
	$(BIN)/python scripts/screenshots.py $(ARGS)

lock: .venv/dev.stamp .venv/notebook.stamp
	$(BIN)/python -m pip freeze --disable-pip-version-check --exclude-editable --exclude maskwatch \
		| grep -E '^[A-Za-z0-9._-]+==' > constraints.new
	mv constraints.new constraints.txt
	$(MAKE) requirements.lock

# What the image holds, for every platform and with the hash of each file.
requirements.lock: pyproject.toml constraints.txt | .venv/lock.stamp
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --constraint constraints.txt \
		--extra app --extra serve --extra watch --extra apprise pyproject.toml --output-file $@

clean:
	rm -rf .venv .venv-lowest .venv-newest .venv-scale .coverage* site .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "MaskWatch needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/app.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[$(APP)]'
	@touch $@

.venv/all.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[all]'
	@touch .venv/app.stamp $@

# the tools include all else, so those stamps are due as well
.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[dev]'
	@touch .venv/app.stamp .venv/all.stamp .venv/docs.stamp $@

.venv/docs.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[docs]'
	@touch $@

.venv/lock.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[lock]'
	@touch $@

.venv/notebook.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[notebook]'
	@touch $@

# Of its own: the AWS packages hold python-dateutil below 3, and Ray is large.
.venv-scale/stamp: pyproject.toml constraints.txt
	rm -rf .venv-scale
	$(PYTHON) -m venv .venv-scale
	grep -v '^python-dateutil==' constraints.txt > .venv-scale/constraints.txt
	.venv-scale/bin/python -m pip install --quiet --disable-pip-version-check \
		-c .venv-scale/constraints.txt -e '.[dev,scale-test,fuzz]'
	@touch $@

.venv-lowest/stamp: pyproject.toml scripts/lowest.py
	rm -rf .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) scripts/lowest.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check \
		-c .venv-lowest/constraints.txt -e '.[dev]'
	@touch $@
