# Each target makes .venv first, so one command is enough on a machine with Python and make.
# Written for GNU make 3.81 (macOS) and any POSIX shell.

PYTHON := .venv/bin/python
STAMP  := .venv/.installed

# The interpreters to try for .venv, the preferred one first: make test PYTHONS=python3.12
PYTHONS ?= python3.14 python3.13 python3.12 python3.11 python3

# The stamp holds the folder that .venv was made in. It is written after a complete install. .venv is recreated
# if it has no stamp (an install failed), if the folder differs (the checkout was moved), or if its interpreter
# does not start (Python was upgraded).
SOUND := $(shell [ "$$(cat $(STAMP) 2>/dev/null)" = "$$(pwd -P)" ] && $(PYTHON) -c "" 2>/dev/null && echo yes)

.PHONY: run test soak check matrix coverage overview picture bench clean recreate

run: $(STAMP)  ## the full-screen client, with a local server
	@$(PYTHON) -m chat_tui --local

test: $(STAMP)  ## the whole suite, four tests at a time: tests wait half of their time
	$(PYTHON) -m pytest -n 4 --dist worksteal

soak: $(STAMP)  ## ten minutes of 200 clients that connect, talk, stall and vanish
	@$(PYTHON) -m tests.abuse.soak

check: $(STAMP)  ## format, lint, types, import contracts, spelling
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	.venv/bin/codespell . .ci .github
	.venv/bin/codespell --dictionary .ci/replaced-words.txt --regex '\w+' . .ci .github

matrix:  ## check and test on Debian's newer Pythons and with the lowest versions: see .ci/matrix; needs root
	@.ci/matrix

coverage: $(STAMP)  ## branch coverage of the whole suite, in every process that it starts
	$(PYTHON) -m coverage erase
	$(PYTHON) -m coverage run -m pytest -n 4 --dist worksteal
	$(PYTHON) -m coverage combine --quiet
	$(PYTHON) -m coverage report

overview: $(STAMP)  ## docs/files.md, from the docstrings
	$(PYTHON) docs/file_overview.py

picture: $(STAMP)  ## the pictures of the README, drawn from the real client
	$(PYTHON) docs/pictures/make_pictures.py

# Only this target needs matplotlib, a C compiler and Linux.
bench: $(STAMP)  ## compare with other servers: writes docs/performance.md, takes about ten minutes
	@$(PYTHON) -c "import matplotlib" 2>/dev/null || \
	    $(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(PYTHON) -m benchmarks

clean:
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf *.egg-info .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each candidate is run: a name on the PATH may be a shim for a version that is not installed.
$(STAMP): pyproject.toml $(if $(SOUND),,recreate)
	@rm -f $(STAMP); \
	if [ -z "$(SOUND)" ]; then \
	    rm -rf .venv; chosen=; bare=; \
	    for candidate in $(PYTHONS); do \
	        "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	        if "$$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; \
	        then chosen=$$candidate; break; else bare=$${bare:-$$candidate}; fi; \
	    done; \
	    if [ -z "$$chosen" ] && [ -n "$$bare" ]; then \
	        echo "$$bare cannot make a virtual environment: ensurepip is missing." \
	             "On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; \
	    fi; \
	    if [ -z "$$chosen" ]; then \
	        echo "Lobby needs Python 3.11 or newer. None of these is: $(PYTHONS)." >&2; exit 1; \
	    fi; \
	    echo "Making .venv with $$chosen"; \
	    "$$chosen" -m venv .venv || exit 1; \
	fi; \
	echo "Installing Lobby and its tools into .venv (a minute, the first time)"; \
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]' || exit 1; \
	pwd -P > $(STAMP)
