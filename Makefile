# Every target works from a fresh clone with Python 3.11 or later alone. PYTHON chooses another interpreter.
PYTHON ?= python3
HOST ?= functiongraph
TARGET ?= 3.12
SEEDS ?= 100000
# A bare version, as in `make package PYTHON=3.12`, names the platform's Python; the one that works here is python3 then.
ifneq ($(filter 3.%,$(PYTHON)),)
override TARGET := $(PYTHON)
override PYTHON := python3
endif

.PHONY: demo check test lint types sam terraform browser schemas messages readme pictures bench package locks soak clean

demo: ## set up, then restart a demo fleet of 24 in waves on the embedded emulator
	$(PYTHON) tools/dev.py demo

check: ## set up, then lint, strict types, sam validate, terraform and all tests
	$(PYTHON) tools/dev.py check

test: ## set up, then the tests alone; ARGS="-k name" for some, ARGS="-n 0" on one core
	$(PYTHON) tools/dev.py test $(ARGS)

lint: ## ruff
	$(PYTHON) tools/dev.py lint

types: ## mypy --strict
	$(PYTHON) tools/dev.py types

sam: ## sam validate --lint
	$(PYTHON) tools/dev.py sam

terraform: ## deploy/functiongraph applied with every set of variables, by Terraform and a stand-in for the provider
	$(PYTHON) tools/dev.py terraform $(ARGS)

readme: ## write the tables and the report of the docs from the code
	$(PYTHON) tools/dev.py readme

browser: ## Chromium for the tests of pages, by apt-get where this is root; without it they are skipped, and say so
	$(PYTHON) tools/dev.py browser

pictures: ## draw docs/pictures/ from a real run on the embedded emulator
	$(PYTHON) tools/dev.py pictures

schemas: ## write schemas/ from the code
	$(PYTHON) tools/dev.py schemas

messages: ## write docs/messages/ from real runs on the emulator
	$(PYTHON) tools/dev.py messages

bench: ## start-up, memory and sending, each against the API page's own sample
	$(PYTHON) tools/dev.py bench

soak: ## SEEDS=100000 (or from..to): that many simulations, each seed judged by every invariant
	$(PYTHON) tools/dev.py soak --seeds $(SEEDS) $(ARGS)

package: ## HOST=functiongraph|lambda PYTHON=3.12 (or TARGET=3.12): a zip in dist/; HOST=rfs: a template for RFS
	$(PYTHON) tools/dev.py package --host $(HOST) --python $(TARGET) $(ARGS)

locks: ## make the requirements*.txt locks again from pyproject.toml (needs uv)
	$(PYTHON) tools/dev.py locks

clean: ## remove what the other targets made
	rm -rf .venv build dist .mypy_cache .ruff_cache .hypothesis
