# One line a verb; `make` lists them. The virtual environment is README's.
.DEFAULT_GOAL := help
.PHONY: help install demo test quick check format docs constraints hooks

help: ## List the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: ## Everything a contributor needs, at the versions of constraints.txt
	python3 -m venv --upgrade-deps .venv && .venv/bin/pip install -q -c constraints.txt -e '.[test]'

demo: ## The main job: two scenes of one story
	.venv/bin/cineai demo

test: ## The whole suite
	.venv/bin/pytest -n 2

quick: ## Whatever is not marked slow
	.venv/bin/pytest -n 2 -m "not slow"

check: ## The static gates: format, lint, types, layers
	.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy && .venv/bin/lint-imports

format: ## Format, and mend what the linter can mend
	.venv/bin/ruff format . && .venv/bin/ruff check --fix .

docs: ## Write the pages that are made from code
	.venv/bin/python -m tests.docs.configuration

constraints: ## Write constraints.txt from what is installed
	.venv/bin/python -m tests.docs.constraints

hooks: ## Have the static gates run before each commit (needs pre-commit)
	pre-commit install
