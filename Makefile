# Every target makes the virtual environment it needs; nothing is installed outside it.
PYTHON ?= python3
VENV ?= .venv
CACHE ?= .cache
# What `make test` runs, in minutes; the rest takes longer and is run by .ci/run.
QUICK := unit contract pipeline security
KINDS := unit contract pipeline security crash systemd counterparts accuracy performance image

BIN := $(VENV)/bin
DEV := $(VENV)/.dev
PICTURES := $(CACHE)/demo-pictures

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick $(KINDS:%=test-%) test-device lint types bench docs sbom lock clean

help:  ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The locked dependencies, then our own wheel: what is tested is what is installed.
$(DEV): pyproject.toml requirements-dev.txt $(shell find src config monitoring production -name '*.py' -newer $(DEV) 2>/dev/null)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@cmp -s requirements-dev.txt $(VENV)/.locked || { \
	  echo "installing locked dependencies (once, about a minute)"; \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt && \
	  cp requirements-dev.txt $(VENV)/.locked; }
	@rm -rf build dist/wheel && $(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w dist/wheel .
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --force-reinstall dist/wheel/*.whl
	@touch $@

$(PICTURES)/.done: requirements-demo.txt
	@mkdir -p $(PICTURES)/archives
	@echo "fetching the demonstration's photographs (17 MB, once)"
	@$(BIN)/python -m pip download -q --disable-pip-version-check --no-deps --require-hashes \
	  --no-binary face_recognition --only-binary scikit-image --platform any \
	  --platform manylinux_2_28_x86_64 --platform manylinux_2_24_x86_64 --python-version 3.11 --implementation cp \
	  -d $(PICTURES)/archives -r requirements-demo.txt
	@touch $@

demo: $(DEV) $(PICTURES)/.done  ## ring, on photographs, without hardware (ARGS=--live: your webcam)
	@$(BIN)/doorbell demo --pictures $(PICTURES) $(ARGS)

test: $(DEV)  ## the tests, in five minutes (TESTS="all" for every kind)
	@$(BIN)/python tests/run.py $(COVERAGE) $(if $(filter all,$(TESTS)),$(KINDS),$(or $(TESTS),$(QUICK)))

test-quick: $(DEV)  ## pure rules and contracts, in seconds
	@$(BIN)/python tests/run.py unit contract

$(KINDS:%=test-%): test-%: $(DEV)
	@$(BIN)/python tests/run.py $*

bench: $(DEV) $(PICTURES)/.done  ## time rings, and what an idle daemon costs
	@$(BIN)/doorbell bench rings --pictures $(PICTURES)
	@$(BIN)/doorbell bench idle --pictures $(PICTURES)

test-device: $(DEV)  ## the real adapters, in a virtual machine (root; ARGS: pytest's)
	@$(BIN)/python tests/device/run.py "$${DOORBELL_CACHE:-$(CACHE)}/device-vm" $(ARGS)

lint: $(DEV)  ## style, import directions, generated files
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports
	@$(BIN)/python -m config.reference --check && $(BIN)/python -m doorbell.cli.reference --check
	@$(BIN)/python -m monitoring.metrics.reference --check
	@$(BIN)/python -m monitoring.alerts.rendering --check && $(BIN)/python -m monitoring.dashboards.rendering --check

sbom: $(DEV)  ## what is installed on a door, as CycloneDX
	@mkdir -p dist && $(BIN)/cyclonedx-py requirements requirements-production.txt --pyproject pyproject.toml \
	  --output-reproducible --of JSON -o dist/doorbell-edge.cdx.json 2>/dev/null
	@ls -l dist/doorbell-edge.cdx.json

types: $(DEV)  ## mypy, strict
	@$(BIN)/mypy

docs: $(DEV)  ## write the generated references anew
	@$(BIN)/python -m config.reference && $(BIN)/python -m doorbell.cli.reference
	@$(BIN)/python -m monitoring.metrics.reference
	@$(BIN)/python -m monitoring.alerts.rendering && $(BIN)/python -m monitoring.dashboards.rendering

lock: $(DEV)  ## compile the locked requirements anew
	@$(BIN)/python -m pip install -q uv
	@./requirements-lock.sh $(BIN)/uv

clean:  ## remove everything made here
	rm -rf $(VENV) $(CACHE) build dist demo-pictures
