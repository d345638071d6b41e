# The tasks of a contributor. Run them in an environment that has `pip install -e '.[dev]'`.
.PHONY: help lint types imports test fast coverage bench docs pins gate

help: ## show the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lint: ## check style, spelling, metadata, shell scripts and workflows
	.ci/lint

types: ## check types
	mypy

imports: ## check which room imports which
	lint-imports

fast: ## run the tests that take seconds
	pytest -m 'not slow'

test: ## run all tests, two at a time
	pytest --numprocesses=2

coverage: ## run all tests, and show which branches they do not take
	pytest --numprocesses=2 --cov --cov-report=term-missing:skip-covered
	python .ci/branches.py

bench: ## measure CPU, rate control and memory (docs/performance.md)
	python -m tests.benchmarks

docs: ## check the documentation against the code
	pytest tests/test_readme.py tests/test_config_examples.py tests/test_generated.py

pins: ## resolve the dependencies again (needs uv), keeping what still fits
	uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --constraint constraints.txt \
	  --extra dev --extra postgresql --extra dask --output-file constraints.txt pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --constraint constraints.txt \
	  --generate-hashes --extra postgresql --output-file deploy/container/requirements.txt pyproject.toml
	sed -n 's/^requires = \["\(.*\)", "\(.*\)"\]/\1\n\2/p' pyproject.toml | \
	  uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --generate-hashes \
	  --output-file deploy/container/build-requirements.txt -

gate: ## do what the hosted gate does, in new environments
	.ci/run
