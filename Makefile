# make demo    a running demo shop on http://127.0.0.1:8000 (HOST, PORT, GHOSTCART_DATA say otherwise)
# make test    all checks and tests
# make bench   the benchmarks (`make bench CARTS=10m`); make bench-quick the shortest ones
# make bench-peers   adding to a cart beside other shop systems, which it installs elsewhere (Node, network)
# make fuzz    50,000 generated requests over the API
# make prove   the promises at their full numbers (an hour); make prove-quick at those of the tests
# make mutants   small changes to the rules of money and identity, one after the other: do the tests notice? (an hour)
# make coverage   which lines and branches the tests in this process run through
# make bom     the bill of materials with licences, dist/bom.json
# make wheel   the package as others get it, installed with pip alone and run
# make check   only the checks: style, types, imports, migrations
# make assets  only the front end        make lock   renew requirements/*.lock        make clean   undo all of it
#
# Everything lands in .venv and in ignored folders. What is there and current is not made again: no network needed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := demo
.PHONY: demo test bench bench-quick bench-peers fuzz prove prove-quick mutants coverage bom wheel check assets clean lock

bin := .venv/bin
locks := requirements/base.lock requirements/build.lock
front_end := ghostcart/backoffice/static/backoffice/dist/manifest.json
front_end_sources := $(shell find assets -type f -not -path '*/node_modules/*') hatch_build.py
translations := $(wildcard ghostcart/locale/*/LC_MESSAGES/*.po)
CARTS ?= 100k
ready := .venv/.package $(front_end) .venv/.translations

demo: $(ready)
	@exec $(bin)/ghostcart demo

test: $(ready) .venv/.test
	@scripts/test.sh

bench: $(ready) .venv/.test
	@scripts/chromium.sh
	@scripts/mariadb.sh
	@$(bin)/python -m bench --carts $(CARTS)

bench-quick: $(ready) .venv/.test
	@scripts/chromium.sh
	@$(bin)/python -m bench --quick

bench-peers: $(ready) .venv/.test
	@$(bin)/python -m bench peers

fuzz: $(ready) .venv/.test
	@$(bin)/python -m bench.fuzz

prove: $(ready) .venv/.test
	@scripts/prove.sh

prove-quick: $(ready) .venv/.test
	@scripts/prove.sh --quick

mutants: $(ready) .venv/.test
	@$(bin)/python -m scripts.mutants $(PARTS)

coverage: $(ready) .venv/.test
	@$(bin)/python -m pytest -q -n 2 tests --ignore tests/journeys --cov=ghostcart --cov-branch --cov-report=term:skip-covered

bom: $(ready)
	@scripts/bom.sh

wheel: $(ready)
	@scripts/wheel.sh

check: $(ready) .venv/.test
	@scripts/check.sh

assets: $(front_end)

clean:
	rm -rf .venv assets/node_modules ghostcart/*/static/*/dist ghostcart/*/static/*/dist.new .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find ghostcart tests bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	find ghostcart -name '*.mo' -delete

lock: .venv/.base
	@scripts/lock.sh

# -- what is made once -------------------------------------------------------------------------------

.venv/.python:
	@scripts/venv.sh
	@touch $@

.venv/.base: .venv/.python $(locks)
	@scripts/install.sh $(locks)
	@touch $@

.venv/.test: .venv/.base requirements/test.lock
	@scripts/install.sh requirements/test.lock
	@touch $@

.venv/.package: .venv/.base pyproject.toml hatch_build.py
	@SKIP_ASSETS=1 $(bin)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index -e .
	@touch $@

$(front_end): $(front_end_sources) | .venv/.base
	@scripts/front-end.sh
	@touch $@

.venv/.translations: $(translations) | .venv/.package
	@if [ -f ghostcart/config/translations.py ]; then $(bin)/python -m ghostcart.config.translations compile; fi
	@touch $@
