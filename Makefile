# Everything a person does with the checkout. `make` alone lists it.
# Needs Python 3.11 or newer with venv and pip, make and git; all else is installed into .venv.

PYTHON ?= $(shell for p in python3.11 python3 python; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip --disable-pip-version-check install --quiet
INSTALLED := pyproject.toml constraints.txt setup.py

OUT := out
DATA ?= ../shared/data/lidc
EXAMPLE := $(OUT)/example
DRAWS := $(wildcard engine/perception/phantom*.py) adapters/example.py adapters/dicom/write.py $(wildcard knowledge/example/*)
PYTEST := $(BIN)/python -m pytest
JOBS ?= 2

unexport PYTHONDONTWRITEBYTECODE  # else every program that a test starts compiles all modules anew

.DEFAULT_GOAL := help
.PHONY: help run serve test test-slow train bench peers check lint types rules docs dist clean distclean

help:  ## list what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

run: $(VENV)/.base $(EXAMPLE)/patient.json  ## decide the bundled example and print the decision
	$(BIN)/radlogic assess --series $(EXAMPLE)/ct --patient $(EXAMPLE)/patient.json \
		--findings $(EXAMPLE)/findings.json --out $(OUT)/decision --store $(OUT)/store

serve: $(VENV)/.base  ## answer CDS Hooks from the decisions in out/store
	@test -d $(OUT)/store || $(MAKE) run
	$(BIN)/radlogic serve --store $(OUT)/store --unverified

test: $(VENV)/.dev  ## all tests but the slow ones
	$(PYTEST) -n $(JOBS) --dist worksteal -m "not slow"

test-slow: $(VENV)/.dev peers  ## the heavy proofs, and exports on the engines of others
	$(PYTEST) -n $(JOBS) --dist worksteal -m slow

train: $(VENV)/.train  ## train the lung-nodule net (needs DATA=folder; 40 minutes of one core)
	$(BIN)/python -m radlogic.engine.perception.training $(DATA) $(OUT)/model --work $(OUT)/training
	$(BIN)/python -m radlogic.engine.perception.training.managements $(OUT)/training/answers.ndjson $(DATA) \
		$(OUT)/calibration --model $(OUT)/model --fitted $$(date +%F)

bench: $(VENV)/.dev  ## one table a claim, with the peer beside it
	@failed=; for file in benchmarks/*.py benchmarks/*/run.py; do echo "== $$file"; \
		$(BIN)/python $$file || failed="$$failed $$file"; done; \
		[ -z "$$failed" ] || { echo "did not run to their end (a peer or data that is not here?):$$failed" >&2; exit 1; }

peers:  ## programs of others that exports are tried on (needs node and npm)
	npm install --no-audit --no-fund --no-package-lock --silent --prefix tests/rules/engines

check: lint types rules test  ## all that must hold before a change lands

lint: $(VENV)/.dev  ## style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev  ## strict types; the link lets mypy find the folders under their import names
	@mkdir -p .links && ln -sfn .. .links/radlogic
	MYPYPATH=.links $(BIN)/mypy --strict -p radlogic.engine -p radlogic.adapters

rules: $(VENV)/.base  ## compile every guideline anew: complete, without contradiction
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(BIN)/python -m radlogic.engine.guideline.ship "$$folder"

docs: $(VENV)/.base  ## write the generated pages anew
	$(BIN)/python tests/rule_language_page.py

dist: $(VENV)/.dev  ## sdist and wheel
	rm -rf dist
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m build --quiet --outdir dist

clean:  ## remove what was made, but not .venv
	rm -rf $(OUT) build dist *.egg-info .links .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean  ## remove .venv too
	rm -rf $(VENV)

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.base: $(INSTALLED) | $(VENV)/.made
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(INSTALLED) | $(VENV)/.made
	$(PIP) -e '.[dev]'
	@touch $(VENV)/.base $@

$(VENV)/.train: $(INSTALLED) | $(VENV)/.made
	$(PIP) -e '.[train]'
	@touch $(VENV)/.base $@

# patient.json is written last, so a folder without it was interrupted and is drawn anew
$(EXAMPLE)/patient.json: $(DRAWS) | $(VENV)/.base
	rm -rf $(EXAMPLE)
	$(BIN)/radlogic phantom $(EXAMPLE)
