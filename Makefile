# All that can be done from a clone. Each target does its own set-up; it needs Python 3.11+ and git, and no root.

.DEFAULT_GOAL := help
.PHONY: help demo test check lint-workflows container-test lock clean
.SUFFIXES:

BIN   := .venv/bin
READY := .venv/.ready
UV    := uv==0.13.9
ARGS  ?=
export PYTHON
# set, it makes each of the hundreds of processes that tests start compile all that it imports: half of their time
export PYTHONDONTWRITEBYTECODE :=

help:  ## this list
	@sed -nE 's/^([a-zA-Z_%-]+):[^#]*## (.*)$$/\1|\2/p' Makefile \
	  | while IFS='|' read -r name does; do printf 'make %-15s %s\n' "$$name" "$$does"; done

demo: $(READY)  ## deploy the example three times, and see the three verdicts
	$(BIN)/stability-proof demo $(ARGS)

test: $(READY)  ## every test but the container's; ARGS="-k name" narrows, says what it skips and why
	@# exit code 5 is that nothing was selected: fine for one of the two, not for both
	@most=0; $(BIN)/python -m pytest -n 3 -rs -m "not container and not alone" $(ARGS) || most=$$?; \
	case $$most in 0|5) ;; *) exit $$most ;; esac; \
	rest=0; $(BIN)/python -m pytest -rs -m alone $(ARGS) || rest=$$?; \
	case $$rest in 0) ;; 5) exit $$most ;; *) exit $$rest ;; esac

check: $(READY) lint-workflows  ## lint, format, types, import rules, workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-workflows: $(READY)  ## the workflows and action.yml alone
	.ci/lint-workflows

container-test: $(READY)  ## build the image and start it as a runner does; needs Docker Engine
	@docker info >/dev/null 2>&1 || { echo "make container-test needs Docker Engine, and none answers 'docker info'." >&2; exit 1; }
	$(BIN)/python -m pytest -rs -m container -n 2 --dist loadfile tests/end_to_end $(ARGS)

bench-%: $(READY)  ## run benchmarks/NAME.py; its last line is one JSON object
	@test -f benchmarks/$*.py || { echo "There is no benchmarks/$*.py; there are:" $$(ls benchmarks 2>/dev/null) >&2; exit 2; }
	$(BIN)/python -m benchmarks.$* $(ARGS)

lock: $(READY)  ## solve pyproject.toml again, into requirements/; UPGRADE=1 takes what is new
	@# in a folder of its own, so that nothing but `make lock` ever needs it
	test -x .venv/lock/bin/uv || $(BIN)/python -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet --disable-pip-version-check $(UV)
	.ci/lock .venv/lock/bin/uv $(if $(UPGRADE),--upgrade)

clean:  ## remove all that the other targets made
	rm -rf .venv .ci/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .stability-proof out dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/dev.txt pyproject.toml .ci/venv
	.ci/venv
