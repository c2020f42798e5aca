# `make` lists the commands.  Everything is installed in .venv, which `make clean` deletes.

PYTHON ?= python3
BIN := .venv/bin
# Of tests; some only wait.
WORKERS := $(shell expr `getconf _NPROCESSORS_ONLN` + 1)
# Else all processes of the tests compile all modules, each for itself.
export PYTHONDONTWRITEBYTECODE =
# Tests with commands of their own.
APART := tests/browser tests/test_pages.py
# What tests start, and its packages in Debian.
PROGRAMS := redis-server=redis-server redis-benchmark=redis-tools nginx=nginx-light wrk=wrk \
	curl=curl memcached=memcached memccapable=libmemcached-tools mariadbd=mariadb-server \
	mariadb-slap=mariadb-client /usr/lib/postgresql=postgresql smtp-sink=postfix ip=iproute2

.PHONY: help demo test browser stress lint types docs bench suites dist clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

demo: .venv/installed  ## run a small web server behind a misbehaving proxy
	@$(BIN)/python -m vaurien.cli.demo

test: .venv/developing  ## run the tests; TEST='-k redis' selects some
	@scripts/install-programs $(PROGRAMS)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 $(APART:%=--ignore=%) $(TEST)

browser: .venv/developing  ## test the dashboard in Chromium
	@scripts/install-programs $(PROGRAMS) chromium=chromium
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 tests/browser

stress: .venv/developing  ## change 200 proxies 54,000 times under 2,000 connections
	CHANGES=1002 $(BIN)/python -m pytest tests/end_to_end/test_many_proxies.py

lint: .venv/developing  ## check the style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/developing  ## check the types
	$(BIN)/mypy

docs: .venv/developing  ## update the generated parts of docs/, build the site, run its commands
	@scripts/install-programs $(PROGRAMS)
	$(BIN)/python scripts/generate_docs.py
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --quiet docs build/site
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 tests/test_pages.py

bench: .venv/installed  ## compare vaurien with other proxies; BENCH=--quick is shorter
	@scripts/install-programs redis-server=redis-server redis-benchmark=redis-tools \
		nginx=nginx-light wrk=wrk iperf3=iperf3 haproxy=haproxy ip=iproute2 \
		stunnel=stunnel4 openssl=openssl \
		/usr/lib/nginx/modules/ngx_stream_module.so=libnginx-mod-stream \
		memcached=memcached memcslap=libmemcached-tools mariadbd=mariadb-server \
		mariadb-slap=mariadb-client /usr/lib/postgresql=postgresql
	$(BIN)/python bench/run.py $(BENCH)

suites: .venv/installed  ## run third-party test suites, directly and through vaurien
	@scripts/install-programs redis-server=redis-server redis-benchmark=redis-tools \
		nginx=nginx-light wrk=wrk memcached=memcached memccapable=libmemcached-tools \
		mariadbd=mariadb-server mariadb-slap=mariadb-client /usr/lib/postgresql=postgresql \
		smtp-sink=postfix openssl=openssl
	PYTHONPATH=bench $(BIN)/python suites/compare.py $(SUITES)

dist: .venv/developing  ## build dist/, and install it for each Python of this machine
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	DIST=dist $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup --timeout 300 \
		tests/test_distribution.py tests/deployment/test_image.py

clean:  ## delete everything installed or cached here
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/installed: pyproject.toml
	@scripts/make-venv $(PYTHON)
	@touch $@

.venv/developing: .venv/installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
