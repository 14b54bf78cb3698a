# The commands of the house. Each needs Python 3.11+, make, and a C compiler for one
# dependency that is published as source; nothing else of ours.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Not in requirements-dev.txt: it has wheels for Linux on x86-64 only.
ATHERIS := atheris==3.0.0
SCHEMATHESIS := schemathesis==4.32.5
EXAMPLES ?= 500
FUZZ ?= all
FUZZ_SECONDS ?= 600
CASES ?= 20000
SEED ?= 1

.PHONY: help setup demo test fast faults format lint types floors schemas cover fuzz fuzz-http fuzz-js bench \
  interop-bacalhau interop-gateway interop-gateway-client interop-nix interop-reapi interop-tlog \
  interop-unixfs interop-witness clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Make .venv and install what the rest needs

$(READY): pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Octostore needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.11" >&2; exit 1; }
	@echo "setting up $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt \
	  || { echo "Not installed. One dependency, cbrrr, is compiled on the spot: it needs a C compiler and Python's headers (on Debian: apt-get install build-essential python3-dev)." >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Tell the story: one program, three networks, who got which result
	@$(BIN)/octostore demo

test: lint types floors cover ## Everything that must hold

fast: $(READY) ## The tests alone, on all cores, stop at the first failure
	@$(BIN)/pytest -n auto -x -q

faults: $(READY) ## Kill, fail, fill and flip, all of it; prints the fault table
	@OCTOSTORE_FAULTS=full $(BIN)/pytest -q tests/faults

format: $(READY) ## Write all code in one style
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: $(READY) ## Style and common mistakes
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(READY) ## mypy --strict over everything
	@$(BIN)/mypy

floors: $(READY) ## Imports point down
	@$(BIN)/lint-imports

schemas: $(READY) ## Write the generated schemas anew (a test refuses stale ones)
	@$(BIN)/python -m octostore_server.schemas schemas

# What measures, or does one thing ten thousand times, is not traced: a test of a limit
# of time would measure the tracer.
cover: $(READY) ## All tests, on all cores, with branch coverage
	@$(BIN)/pytest -n auto -m slow
	@$(BIN)/pytest -n auto -m "not slow" --cov --cov-report=term

fuzz: $(READY) ## Fuzz all readers, FUZZ_SECONDS=600 each, or one, FUZZ=golem
	@$(BIN)/python -c 'import atheris' 2>/dev/null \
	  || { echo "installing $(ATHERIS) into $(VENV) (once; wheels: Linux on x86-64)" \
	  && $(BIN)/pip install --quiet --disable-pip-version-check $(ATHERIS); }
	@$(BIN)/python -m tests.fuzz $(FUZZ) --seconds $(FUZZ_SECONDS)

fuzz-js: $(READY) ## Compare Python and JavaScript on changed vectors, CASES=20000 SEED=1 (needs Node)
	@cd tests/interop/js && npm install --silent --no-package-lock --no-audit --no-fund
	@$(BIN)/python -m tests.interop.differential --cases $(CASES) --seed $(SEED)

fuzz-http: $(READY) ## Whatever the OpenAPI document admits, EXAMPLES=500 of each operation
	@$(BIN)/python -c 'import schemathesis' 2>/dev/null \
	  || { echo "installing $(SCHEMATHESIS) into $(VENV) (once)" \
	  && $(BIN)/pip install --quiet --disable-pip-version-check $(SCHEMATHESIS); }
	@FUZZ_HTTP_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q tests/server/test_openapi_fuzz.py

bench: $(READY) ## Benchmarks, as JSON
	@$(BIN)/python -m benchmarks.ingest
	@$(BIN)/python -m benchmarks.ingest --claims 5000 --per-statement 1
	@$(BIN)/python -m benchmarks.lookup --claims 10000
	@$(BIN)/python -m benchmarks.map --keys 20000 --claims 10000
	@$(BIN)/python -m benchmarks.who
	@$(BIN)/python -m benchmarks.canonicalize
	@$(BIN)/python -m benchmarks.proofs --entries 100000 --keys 20000 --claims 20000 --audit 5000
	@$(BIN)/python -m benchmarks.verdict --seconds 0.2
	@$(BIN)/python -m benchmarks.verdicts --claimed 500
	@$(BIN)/python -m benchmarks.attacks --seeds 1 --attack "6 sleepers"
	@$(BIN)/python -m benchmarks.reproduce --times 3

interop-nix: $(READY) ## What a real Nix signs, harvested (needs Nix, busybox-static)
	@$(BIN)/pytest -q tests/interop/test_nix.py

interop-tlog: $(READY) ## Logs read by torchwood, Tessera and x/mod (needs Go)
	@$(BIN)/pytest -q tests/interop/test_tlog.py

interop-witness: $(READY) ## Checkpoints signed by litewitness (needs Go, OpenSSH)
	@$(BIN)/pytest -q tests/interop/test_witness.py

interop-bacalhau: $(READY) ## Runs of a real Bacalhau and Kubo, harvested (needs Go; the first time 20 minutes)
	@OCTOSTORE_INTEROP="bacalhau kubo" $(BIN)/pytest -q -s tests/interop/test_bacalhau.py

interop-unixfs: $(READY) ## A real Kubo gives files the CIDs that link check finds (needs Go; the first time minutes)
	@OCTOSTORE_INTEROP="kubo" $(BIN)/pytest -q tests/interop/test_unixfs.py

interop-gateway-client: $(READY) ## The demo is reproduced with content from a real Kubo (needs Go; the first time minutes)
	@OCTOSTORE_INTEROP=kubo $(BIN)/pytest -q tests/interop/test_gateway_client.py

interop-gateway: $(READY) ## Blocks and DAGs as IPFS asks for them: its conformance suite, Helia (needs gateway-conformance; npm)
	@OCTOSTORE_INTEROP=helia $(BIN)/pytest -q -s tests/interop/test_gateway.py

interop-reapi: $(READY) ## Results in bazel-remote, put there by Bazel too, are claimed (needs Go; Bazel)
	@$(BIN)/pytest -q tests/interop/test_reapi.py

clean: ## Remove what setup and tests made
	@rm -rf $(VENV) .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
