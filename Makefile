# Each target makes .venv first, so one command is enough on a machine with Python and make.
# Written for GNU make 3.81 (macOS) and any POSIX shell.

PYTHON  := .venv/bin/python
RUNTIME := .venv/.runtime
TOOLS   := .venv/.installed

# The interpreters to try for .venv, the preferred one first: make test PYTHONS=python3.12
PYTHONS ?= python3.14 python3.13 python3.12 python3.11 python3

# Two stamps: RUNTIME after the install of what `make run` needs, TOOLS after that of the development tools as well.
# Each is written after a complete install, and holds the folder that .venv was made in. .venv is recreated if it has no
# RUNTIME stamp (an install failed), if the folder differs (the checkout was moved), or if its interpreter does not
# start (Python was upgraded).
IS_SOUND := [ "$$(cat $(RUNTIME) 2>/dev/null)" = "$$(pwd -P)" ] && $(PYTHON) -c "" 2>/dev/null
SOUND := $(shell $(IS_SOUND) && echo yes)

.PHONY: run cluster test soak soak-cluster check matrix coverage overview picture bench clean recreate

run: $(RUNTIME)  ## the full-screen client, with a local server
	@$(PYTHON) -m chat_tui --local

cluster: $(RUNTIME)  ## two servers over Redis, behind HAProxy, until Ctrl+C; needs redis-server and haproxy
	@$(PYTHON) -c "import redis, hiredis" 2>/dev/null || \
	    $(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[redis]'
	@$(PYTHON) deploy/local_cluster.py

test: $(TOOLS)  ## the whole suite, six tests at a time: tests wait more than half of their time
	$(PYTHON) -m pytest -n 6 --dist worksteal

soak: $(TOOLS)  ## ten minutes of 200 clients that connect, talk, stall and vanish
	@$(PYTHON) -m tests.abuse.soak

soak-cluster: $(TOOLS)  ## every fault of a cluster three times, then ten minutes of killed nodes; needs redis-server
	@$(PYTHON) -m tests.cluster.soak

check: $(TOOLS)  ## format, lint, types, import contracts, spelling
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	.venv/bin/codespell . .ci .github
	.venv/bin/codespell --dictionary .ci/replaced-words.txt --regex '\w+' . .ci .github

matrix:  ## check and test on Debian's newer Pythons and with the lowest versions: see .ci/matrix; needs root
	@.ci/matrix

coverage: $(TOOLS)  ## branch coverage of the whole suite, in every process that it starts
	$(PYTHON) -m coverage erase
	$(PYTHON) -m coverage run -m pytest -n 6 --dist worksteal
	$(PYTHON) -m coverage combine --quiet
	$(PYTHON) -m coverage report

overview: $(TOOLS)  ## docs/files.md, from the docstrings
	$(PYTHON) docs/file_overview.py

picture: $(TOOLS)  ## the pictures of the README, drawn from the real client
	$(PYTHON) docs/pictures/make_pictures.py

# Only this target needs matplotlib, a C compiler and Linux.
bench: $(TOOLS)  ## compare with other servers: writes docs/performance.md, takes a quarter of an hour
	@$(PYTHON) -c "import matplotlib" 2>/dev/null || \
	    $(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(PYTHON) -m benchmarks

clean:
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf *.egg-info .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# install REQUIREMENT, WHAT, STAMPS: make .venv if it is not sound, install into it, write the stamps.
# Each candidate is run: a name on the PATH may be a shim for a version that is not installed.
define install
@if ! { $(IS_SOUND); }; then \
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
rm -f $(3); \
echo "Installing $(2) into .venv"; \
$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '$(1)' || exit 1; \
for stamp in $(3); do pwd -P > $$stamp; done
endef

$(RUNTIME): pyproject.toml $(if $(SOUND),,recreate)
	$(call install,.,Lobby,$(RUNTIME))

$(TOOLS): pyproject.toml $(if $(SOUND),,recreate)
	$(call install,.[dev],Lobby and its development tools,$(RUNTIME) $(TOOLS))
