# `make app` and `make test` do all the set-up they need, in .venv, from a fresh checkout.
# Versions are pinned in constraints.txt; `make lock` writes it anew from the current .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help app test check screenshots lock clean

help:
	@echo "make app     open the pages for photos and live video (ARGS='--server.port 9000' is passed on)"
	@echo "make test    check the code and run the tests"
	@echo "make check   check the code only: ruff and mypy"
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

screenshots: .venv/dev.stamp
	$(BIN)/python scripts/screenshots.py $(ARGS)

lock: .venv/dev.stamp
	$(BIN)/python -m pip freeze --disable-pip-version-check --exclude-editable --exclude maskwatch \
		| grep -E '^[A-Za-z0-9._-]+==' > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

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
	@touch .venv/app.stamp $@
