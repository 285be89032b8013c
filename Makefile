# Every target prepares what it needs on first use. Nothing is needed before but Python >= 3.10, make and the system's
# package manager.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
export OMP_NUM_THREADS ?= 1

.PHONY: grade test test-all coverage pythons train notebooks lab lint selftest release bench constraints clean help

help:            ## say what there is
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  *##' Makefile | sed 's/:.*##/\t/' | sort

grade: $(VENV)/.grader  ## grade the reference, then the template
	$(PY) -m autograder grade solution/dml.py --out out/reference
	$(PY) -m autograder grade template/dml.py --out out/template

test: $(VENV)/.dev  ## run the fast tests
	$(PY) -m pytest

test-all: $(VENV)/.dev  ## run all tests, the slow ones too; what is missing here is named in the skips
	$(PY) -m pytest -m ""

coverage: $(VENV)/.dev  ## run the fast tests and print which lines they miss
	$(PY) -m pytest --cov --cov-report=term-missing:skip-covered

pythons: $(VENV)/.dev  ## run the public tests and light unit tests on Python 3.10 to 3.13, those that are on PATH
	$(PY) -m nox

train: $(VENV)/.student  ## train the reference on the embedded sample: P@1 before and after
	$(PY) solution/dml.py --data sample

notebooks: $(VENV)/.notebooks  ## execute the walkthrough notebooks on the sample: with the reference, then with the template
	$(PY) -m notebooks run --sample
	$(PY) -m notebooks run --sample --dml template/dml.py --out out/notebooks/template

lab: $(VENV)/.notebooks  ## open the walkthrough notebooks in JupyterLab (DML=path/to/dml.py, LAB="its options")
	$(PY) -m notebooks lab $(if $(DML),--dml $(DML)) $(LAB)

lint: $(VENV)/.dev  ## style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

selftest: $(VENV)/.dev  ## grade every file whose grade is known
	$(PY) -m autograder selftest

release: $(VENV)/.grader  ## make template/dml.py and the students' bundle
	$(PY) -m autograder release

bench: $(VENV)/.bench  ## measure the grader against its peers, write benchmarks/*.md
	$(PY) -m benchmarks.grading

constraints: $(VENV)/.dev  ## write the installed versions to constraints.txt
	$(PY) -m data_scripts.constraints > constraints.new
	mv constraints.new constraints.txt

clean:           ## remove what was made here, .venv included
	rm -rf $(VENV) out dist

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python >= 3.10 is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.student: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing PyTorch and friends (some minutes, about 6 GB) …"
	$(PIP) --editable .
	@touch $@

$(VENV)/.grader: $(VENV)/.student
	$(PIP) --editable '.[grader]'
	@sh autograder/sandbox/install.sh
	@touch $@

$(VENV)/.notebooks: $(VENV)/.grader
	$(PIP) --editable '.[grader,notebooks]'
	@touch $@

$(VENV)/.dev: $(VENV)/.grader
	$(PIP) --editable '.[grader,dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(PIP) --editable '.[grader,dev,bench]'
	@touch $@
