# ARD. `make demo` and `make test` need nothing but this file and a network to the package index.
PYTHON ?= python3
VENV ?= .venv
# Where PyTorch comes from. Linux without an NVIDIA card: https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
STUDY ?= demo-study
WORKERS ?= 2

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test lint bench soak clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt resources/setup/environment.sh
	PYTHON="$(PYTHON)" VENV="$(VENV)" TORCH_INDEX="$(TORCH_INDEX)" sh resources/setup/environment.sh
	touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -P -m pytest -n $(WORKERS) -m "not soak"

soak: $(READY)
	$(BIN)/python -P -m pytest -m soak --timeout=3000

demo: $(READY)
	$(BIN)/ard demo --study "$(STUDY)"

bench: $(READY)
	VENV="$(VENV)" STUDY="$(STUDY)" TORCH_INDEX="$(TORCH_INDEX)" sh benchmarks/run.sh

clean:
	rm -rf $(VENV) build dist
