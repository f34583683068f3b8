# Each target sets up what it needs by itself: see nascourse/bootstrap.py.
# make lab PORT=8889          another port
# make test ARGS="tests/test_cli.py -k doctor"
# make lab PYTHON=python3.12  another Python
PYTHON ?= python3
ARGS ?=

lab test setup notebooks clean:
	@$(PYTHON) nascourse/bootstrap.py $@ $(ARGS)

.DEFAULT_GOAL := lab
.PHONY: lab test setup notebooks clean
