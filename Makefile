# The menu.  Everything is installed in .venv, which `make clean` takes away.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test stress lint types docs bench suites clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

demo: .venv/installed  ## a small web server behind a proxy that misbehaves
	@$(BIN)/python -m vaurien.cli.demo

test: .venv/developing  ## all tests; TEST='-k redis' picks some
	@scripts/install-programs redis-server=redis-server redis-benchmark=redis-tools \
		nginx=nginx-light wrk=wrk curl=curl memcached=memcached memccapable=libmemcached-tools \
		mariadbd=mariadb-server mariadb-slap=mariadb-client /usr/lib/postgresql=postgresql \
		smtp-sink=postfix
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 $(TEST)

stress: .venv/developing  ## 200 proxies, changed 54,000 times under 2,000 connections
	CHANGES=1002 $(BIN)/python -m pytest tests/end_to_end/test_many_proxies.py

lint: .venv/developing  ## style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/developing  ## types
	$(BIN)/mypy

docs: .venv/developing  ## write the generated parts of docs/ anew
	$(BIN)/python scripts/generate_docs.py

bench: .venv/installed  ## vaurien beside other proxies; BENCH=--quick for less
	@scripts/install-programs redis-server=redis-server redis-benchmark=redis-tools \
		nginx=nginx-light wrk=wrk iperf3=iperf3 haproxy=haproxy ip=iproute2 \
		/usr/lib/nginx/modules/ngx_stream_module.so=libnginx-mod-stream \
		memcached=memcached memcslap=libmemcached-tools mariadbd=mariadb-server \
		mariadb-slap=mariadb-client /usr/lib/postgresql=postgresql
	$(BIN)/python bench/run.py $(BENCH)

suites: .venv/installed  ## suites that others wrote, straight and through vaurien
	@scripts/install-programs redis-server=redis-server redis-benchmark=redis-tools \
		nginx=nginx-light wrk=wrk memcached=memcached memccapable=libmemcached-tools \
		mariadbd=mariadb-server mariadb-slap=mariadb-client /usr/lib/postgresql=postgresql \
		smtp-sink=postfix
	PYTHONPATH=bench $(BIN)/python suites/compare.py $(SUITES)

clean:  ## take away what was installed and cached here
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/installed: pyproject.toml
	@scripts/make-venv $(PYTHON)
	@touch $@

.venv/developing: .venv/installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
