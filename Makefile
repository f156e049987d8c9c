# Everything that people and CI do here. Each target works alone, right after a clone.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install wire-client studio-tools vendor demo test coverage check format bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP)  ## set up .venv with the package (editable) and the developers' tools

# The stamp is written last, so that an installation that broke off is done again.
# Dependency groups need pip 25.1; the pip that comes with a new venv may be older.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(STAMP)  ## run the invoices example
	$(BIN)/python examples/invoices/demo.py

# The JavaScript client that tests/wire runs; where there is no Node.js those tests say so, and CI needs it.
WIRE_STAMP := tests/wire/node_modules/.installed
wire-client: $(WIRE_STAMP)  ## install Mastra's client for tests/wire (Node.js 20 or newer)

$(WIRE_STAMP): tests/wire/package-lock.json
	@if command -v npm >/dev/null; then \
	  cd tests/wire && npm ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.installed; \
	elif [ -n "$$CI" ]; then echo "CI needs Node.js 20 or newer, with npm"; exit 1; \
	else echo "no npm: the tests against Mastra's client are skipped"; fi

# What the studio is checked with in a browser: Chromium from Debian, axe and the type checker from npm.
STUDIO_STAMP := tests/studio/node_modules/.installed
studio-tools: $(STUDIO_STAMP)  ## install what the studio's tests need (Node.js 20 or newer, Chromium)
	@if [ -x /usr/bin/chromium ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get install -y -qq chromium || { apt-get update -qq && apt-get install -y -qq chromium; }; } >/dev/null; \
	elif [ -n "$$CI" ]; then echo "CI needs /usr/bin/chromium: apt-get install chromium"; exit 1; \
	else echo "no /usr/bin/chromium: the studio's tests in a browser are skipped"; fi

$(STUDIO_STAMP): tests/studio/package-lock.json
	@if command -v npm >/dev/null; then \
	  cd tests/studio && npm ci --silent --no-audit --no-fund && touch node_modules/.installed; \
	elif [ -n "$$CI" ]; then echo "CI needs Node.js 20 or newer, with npm"; exit 1; \
	else echo "no npm: the checks of the studio's code are skipped"; fi

vendor: studio-tools  ## make src/cadenza/studio/vendor anew from tests/studio/package-lock.json
	cd tests/studio && npm run --silent vendor

test: $(STAMP) wire-client studio-tools  ## run the tests (ARGS="-k resume" to choose some)
	$(BIN)/pytest -n 2 $(ARGS)

coverage: $(STAMP) wire-client studio-tools  ## run the tests and hold the branch coverage against its floor
	$(BIN)/pytest -n 2 --cov $(ARGS)

check: $(STAMP)  ## format, lint, types, floors, length of modules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src $(wildcard tests/typing)
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo
	@find src/cadenza -name '*.py' -exec awk \
	  'FNR == 401 { print FILENAME ": more than 400 lines; split it"; long = 1 } END { exit long }' {} +

format: $(STAMP)  ## format the code and apply the linter's safe fixes
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(STAMP)  ## measure (ARGS are passed on)
	$(BIN)/python bench/run.py $(ARGS)

clean:  ## remove everything that these targets made
	rm -rf .venv build dist tests/wire/node_modules tests/studio/node_modules .coverage .coverage.* htmlcov
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests $(wildcard bench examples) -name __pycache__ -type d -prune -exec rm -rf {} +
