# Every target does its own set-up: a bare clone with Python, git and make is enough.
PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell command -v python$(v))) python3)
VENV := .venv
BIN := $(VENV)/bin
# The CPU build of this release where the index offers one; CUDA builds work as well.
TORCH ?= torch==2.13.0

DEMO := demo
DEMO_MINUTES ?= 10
DEMO_SECONDS ?= 11
CONSENT ?=

.PHONY: setup test lint format bench quality demo clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,judge,evaluate]"
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint
	$(BIN)/python -m pytest

bench: setup
	$(BIN)/python -m benchmarks.speed

quality: setup
	$(BIN)/python -m benchmarks.quality

# Without inputs, two people who do not exist; with INTO= and FACE=, your own footage.
demo: setup
ifeq ($(strip $(INTO)$(FACE)),)
	$(BIN)/faceloom demo --output "$(DEMO)" --minutes $(DEMO_MINUTES) --seconds $(DEMO_SECONDS)
else
	@if [ -z "$(INTO)" ] || [ -z "$(FACE)" ]; then \
	  echo 'give both inputs: make demo INTO=footage.mp4 FACE=face.mp4 CONSENT="who, what for, when"'; \
	  exit 2; fi
	$(BIN)/faceloom swap --into "$(INTO)" --face "$(FACE)" --output "$(DEMO)/swapped.mp4" \
	  --minutes $(DEMO_MINUTES) $(if $(CONSENT),--consent "$(CONSENT)")
endif

clean:
	rm -rf $(VENV) $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis
