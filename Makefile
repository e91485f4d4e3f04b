# `make demo` and `make test` do all set-up themselves; the rest is for people who work on the project.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Python keeps compiled modules, even where the environment says otherwise: programs start in half the processor time,
# and the tests start dozens.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo up test test-fast lint policy format browser pictures monitoring lock clean soak soak-events soak-facts soak-texts
.PHONY: bench-latency bench-rules bench-burst bench-eligibility bench-facts bench-limits bench-limits-scale
.PHONY: bench-stability bench-personas bench-healing bench-migrations bench-rotation bench-fairness
.DEFAULT_GOAL := demo

# An environment of exactly the locked versions, checked by hash. uv takes a tenth of pip's time; where it cannot install,
# such as with an index that only pip's own settings name, pip does.
LOCKED := --quiet --require-hashes --no-deps -r
install = $(BIN)/uv pip install --python $(1)/bin/python $(LOCKED) $(2) || $(1)/bin/python -m pip install $(LOCKED) $(2)
$(VENV)/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install $(LOCKED) $(VENV)/uv.lock
	$(call install,$(VENV),requirements-dev.lock)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(VENV)/.installed
	$(BIN)/underwriting demo

up: $(VENV)/.installed
	$(BIN)/underwriting up

# Tests that fork themselves have a process without threads to themselves. The others share three, since two cores would
# be idle while tests wait: for a lease to end, for a process to start.
test: lint policy browser
	$(BIN)/pytest -m forks tests/store
	$(BIN)/pytest -m "not forks" -n 3 --dist loadfile --no-loadscope-reorder

# Dashboards and monitors, for Datadog and for Prometheus with Grafana.
monitoring: $(VENV)/.installed
	$(BIN)/python deployments/monitoring/make.py

# Without servers and databases: rules, facts about applicants, the domain, screening, bank feeds. Comparisons with other
# implementations and searches over random inputs are left out: together these take longer than all others.
SLOW := '*user_facts*' '*_everywhere.py' '*_peer_facts.py' '*_against_s*.py' '*_backtest.py' '*_index.py' '*_page.py' \
	'*_engine.py' '*_strange_books.py' '*_screener.py' '*_cli.py'
test-fast: $(VENV)/.installed
	$(BIN)/pytest -q -n 2 $(SLOW:%=--ignore-glob=%) tests/rules tests/domain tests/screening tests/sources/feeds

# Some tests look at the Prefect UI and at the API's page in a browser; without one they are skipped, and say so.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
		echo "Chromium is not here and cannot be installed: the tests of pages will be skipped."

lint: $(VENV)/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Checkov looks for what is unsafe in deployments/terraform. It pins many packages, some to versions that the program
# cannot use; so it has a lock and an environment of its own. It takes fifteen seconds of CPU, and runs again only if
# something changed that it looks at. Staging may stand in one zone and be destroyed, which the four checks are about.
POLICY := .venv-policy
$(POLICY)/.installed: deployments/policy.lock $(VENV)/.installed
	$(PYTHON) -m venv $(POLICY)
	$(call install,$(POLICY),deployments/policy.lock)
	touch $@

CHECKOV := $(POLICY)/bin/checkov --directory deployments/terraform --framework terraform --skip-download --quiet --compact
policy: $(POLICY)/.passed
$(POLICY)/.passed: $(POLICY)/.installed $(wildcard deployments/terraform/*)
	$(CHECKOV) --var-file deployments/terraform/production.tfvars
	$(CHECKOV) --var-file deployments/terraform/staging.tfvars \
		--skip-check CKV_AWS_150,CKV_AWS_157,CKV_AWS_293,CKV2_AWS_50
	touch $@

format: $(VENV)/.installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Each prints its figures as one JSON object in its last line; benchmarks/README.md says what they mean.
bench-latency bench-rules bench-burst bench-eligibility bench-facts bench-personas: bench-%: $(VENV)/.installed
	$(BIN)/python -m benchmarks.$*

bench-healing bench-migrations bench-rotation bench-fairness: bench-%: $(VENV)/.installed
	$(BIN)/python -m benchmarks.$*

# The limit run; `make bench-limits USERS=1000000`, `make bench-limits-scale USERS="10000 100000 1000000"`.
USERS ?= 100000
bench-limits: $(VENV)/.installed
	$(BIN)/python -m benchmarks.limits --users $(USERS)

bench-limits-scale: $(VENV)/.installed
	$(BIN)/python -m benchmarks.limits_scale $(if $(filter command line,$(origin USERS)),--users $(USERS))

# How steady limits are under the policy of before and of now; `make bench-stability USERS=5000`.
bench-stability: $(VENV)/.installed
	$(BIN)/python -m benchmarks.stability $(if $(filter command line,$(origin USERS)),--users $(USERS))

# The long version of tests/kills.
soak: $(VENV)/.installed
	$(BIN)/python -m benchmarks.soak

# The long version of tests/integrations/test_edges_intake.py: two thousand events.
soak-events: $(VENV)/.installed
	EVENTS=2000 $(BIN)/pytest tests/integrations/test_edges_intake.py -k all_but_the_poison

# The long version of tests/rules/facts/test_user_facts_by_hand.py: facts and limits of 10,000 users.
soak-facts: $(VENV)/.installed
	$(BIN)/python -m benchmarks.soak_facts

# The properties of rulebooks' and policies' texts with forty times as many examples, and others each time.
soak-texts: $(VENV)/.installed
	EXAMPLES=40 $(BIN)/pytest -n 2 --timeout 3600 tests/rules/prescreening/test_book_problems.py \
		tests/rules/eligibility/test_eligibility_books.py tests/rules/limits/test_limits_policy.py

# The pictures of README and docs, taken of the system as it is now.
pictures: browser $(VENV)/.installed
	$(BIN)/python docs/pictures.py

# The lock files carry hashes and no addresses, and serve Python 3.11 to 3.13: any index with the same files will do.
lock: $(VENV)/.installed
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --no-annotate pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --no-annotate --extra embedded --extra dev --extra bench --constraint requirements.lock \
		pyproject.toml --output-file requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --no-annotate deployments/policy.in --output-file deployments/policy.lock

clean:
	rm -rf $(VENV) $(POLICY) .underwriting build *.egg-info
