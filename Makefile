# ARD. `make demo` and `make test` need nothing but this file and a network to the package index.
PYTHON ?= python3
VENV ?= .venv
# Where PyTorch comes from. Linux without an NVIDIA card: https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
STUDY ?= demo-study
# Work folder of the built-in model's recipe, about 5 GB
WORK ?= built-in-work
WORKERS ?= 2

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test lint bench soak model clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt resources/setup/environment.sh
	PYTHON="$(PYTHON)" VENV="$(VENV)" TORCH_INDEX="$(TORCH_INDEX)" sh resources/setup/environment.sh
	touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -P -m pytest -n $(WORKERS) --dist worksteal -m "not soak"

soak: $(READY)
	$(BIN)/python -P -m pytest -m soak --timeout=3000

demo: $(READY)
	$(BIN)/ard demo --study "$(STUDY)"

bench: $(READY)
	VENV="$(VENV)" STUDY="$(STUDY)" TORCH_INDEX="$(TORCH_INDEX)" sh benchmarks/run.sh

model: $(READY)
	$(BIN)/python -m pip install -q --no-deps -r resources/demo/requirements.txt
	$(BIN)/python -P -m backend.builtin "$(WORK)"

clean:
	rm -rf $(VENV) build dist
