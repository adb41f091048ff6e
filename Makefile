# `make app` and `make test` do all the set-up they need, in .venv, from a fresh checkout.
# Versions are pinned in constraints.txt; `make lock` writes it anew from the current .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help app test check bench test-lowest test-newest package docs docs-serve figures notebook screenshots lock clean

help:
	@echo "make app     open the pages for photos and live video (ARGS='--server.port 9000' is passed on)"
	@echo "make test    check the code and run the tests"
	@echo "make check   check the code only: ruff and mypy"
	@echo "make bench   measure how fast it is here (ARGS=--quick ends within 40 seconds)"
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

test: check
	$(BIN)/python -m pytest $(ARGS)

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev.stamp
	$(BIN)/maskwatch bench $(ARGS)

# Old packages use what newer ones deprecate, and the newest deprecate what we use; neither is a fault yet.
test-lowest: .venv-lowest/stamp
	.venv-lowest/bin/python -m pytest -W default $(ARGS)

test-newest: pyproject.toml
	test -x .venv-newest/bin/python || $(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager -e '.[dev]'
	.venv-newest/bin/python -m pytest -W default $(ARGS)

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

clean:
	rm -rf .venv .venv-lowest .venv-newest site .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "MaskWatch needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/app.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[app]'
	@touch $@

# the tools include the page, so its stamp is due as well
.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[dev]'
	@touch .venv/app.stamp .venv/docs.stamp $@

.venv/docs.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[docs]'
	@touch $@

.venv/notebook.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[notebook]'
	@touch $@

.venv-lowest/stamp: pyproject.toml scripts/lowest.py
	rm -rf .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) scripts/lowest.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check \
		-c .venv-lowest/constraints.txt -e '.[dev]'
	@touch $@
