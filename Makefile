# `make demo` and `make test` are all a fresh machine needs (Swift must be there); the rest is convenience.
CONFIGURATION ?= release
SWIFT ?= swift
PYTHON ?= python3
BIN = $(shell $(SWIFT) build -c $(CONFIGURATION) --show-bin-path)

.PHONY: demo build test sanitize lint golden bench bench-kernels packages clean

packages:
	@Tools/install-packages.sh

build: packages
	$(SWIFT) build -c $(CONFIGURATION) --product dreambooth

## Starts the service on the starter model, posts five photos of one toy, leaves the grid and the report in demo/.
demo: build
	Tools/demo.sh $(BIN)/dreambooth

## All tests, numerical ones included: a debug engine is far too slow for them.
test: packages
	$(SWIFT) build -c $(CONFIGURATION) --build-tests
	$(SWIFT) test -c $(CONFIGURATION) --skip-build

## The kernels' tests under AddressSanitizer and UndefinedBehaviorSanitizer.
sanitize: packages
	Tools/sanitize.sh

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Benchmarks Package.swift

## Writes the parity fixtures again; needs the Python packages of Tools/golden/requirements.txt.
golden:
	python3 Tools/golden/make.py --out Tests/Fixtures/golden

## Full-size works beside PyTorch, into docs/PERFORMANCE.md; PYTHON is one with the packages of Tools/golden.
bench: build
	$(PYTHON) Benchmarks/compare.py --binary $(BIN)/dreambooth

bench-kernels:
	cd Benchmarks && $(SWIFT) run -c release

clean:
	rm -rf .build demo
