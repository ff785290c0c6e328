# A fresh machine needs Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
UV := .tools/bin/uv
BIN := .venv/bin
SPEED ?= 60
STATE ?= .state/demo
NIGHTS ?= 30000
SEED ?= 1000

.PHONY: demo setup test check bench soak deb lock clean

## demo: a broker, a building, a night desk and a night in eight simulated homes (RECORDING=folder for a real one)
demo: .venv/.demo
	@$(BIN)/nachtwacht demo --speed $(SPEED) --state $(STATE) $(if $(RECORDING),--recording $(RECORDING))

## setup: everything a test run needs, mosquitto, chromium, pango, promtool and two servers of time series included
setup: .venv/.all .venv/.system tests/asyncapi/node_modules

## test: check, then every test, on two processors (much of it is waiting: hence three at a time)
test: setup check
	$(BIN)/python -m pytest -n 3 --dist worksteal

## check: format, lint, types and the arrows between the rooms
check: .venv/.all
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## bench: measure, and keep the figures in benchmarks/results (RECORDINGS=folder for detection on real homes too)
bench: setup
	$(BIN)/python -m benchmarks.chain --out benchmarks/results/chain.json
	$(BIN)/python -m benchmarks.desk --out benchmarks/results/desk.json
	$(BIN)/python -m benchmarks.reliability --out benchmarks/results/reliability.json
	$(BIN)/python -m benchmarks.notices --out benchmarks/results/notices.json
	$(BIN)/python -m benchmarks.series --out benchmarks/results/series.json
	$(BIN)/python -m benchmarks.scale --out benchmarks/results/scale.json
	$(BIN)/python -m benchmarks.detection $(if $(RECORDINGS),--recordings $(RECORDINGS)) --cohort 400 --draws 60 --out benchmarks/results/detection.json

## soak: nights in the simulated world in which everything fails, and a million broken messages, for hours (NIGHTS=, SEED=)
soak: setup
	$(BIN)/python -m tests.nights --seed $(SEED) --nights $(NIGHTS)
	$(BIN)/python -m tests.nights --clocks --seed $(SEED) --nights $(NIGHTS)
	FUZZ=1000000 $(BIN)/python -m pytest tests/gateway/test_fuzz.py tests/care/test_link_fuzz.py
	LONG=1 $(BIN)/python -m pytest --timeout=3600 -m "long or not long"

## deb: the package for the gateway in a building, in dist (PYTHONS=, MACHINES=, RELEASE_KEY= as in deploy/build-deb)
deb: .venv/pyvenv.cfg
	@sh deploy/build-deb

## lock: pin again what pyproject.toml asks for; hashes, no addresses
lock: $(UV)
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --upgrade --python-version 3.11 requirements/uv.in -o requirements/uv.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --upgrade --python-version 3.11 requirements/build.in -o requirements/build.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --upgrade --python-version 3.11 --extra centre --extra demo --extra installer pyproject.toml -o requirements/demo.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --upgrade --python-version 3.11 --all-extras -c requirements/demo.txt pyproject.toml -o requirements/all.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --upgrade --python-version 3.11 --extra installer --extra series -c requirements/demo.txt pyproject.toml -o requirements/gateway.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --upgrade --python-version 3.11 --extra centre -c requirements/demo.txt pyproject.toml -o requirements/centre.txt
	cd tests/asyncapi && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund && node unaddressed.mjs

clean:
	rm -rf .venv .tools .state dashboard/static/vendor tests/asyncapi/node_modules

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Nachtwacht needs Python 3.11 or newer as '$(PYTHON)'. Install it, or say: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .tools || { echo "Python has no venv module here. On Debian: sudo apt-get install python3-venv"; exit 1; }
	.tools/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/pyvenv.cfg: $(UV)
	$(UV) venv -q --clear --python $(PYTHON) .venv

.venv/.demo: requirements/demo.txt requirements/build.txt pyproject.toml hatch_build.py .venv/pyvenv.cfg
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/demo.txt
	$(UV) pip install -q --python $(BIN)/python --no-deps --build-constraints requirements/build.txt -e .
	@touch $@

.venv/.all: requirements/all.txt .venv/.demo
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/all.txt
	@touch $@

tests/asyncapi/node_modules: tests/asyncapi/package-lock.json .venv/.system
	cd tests/asyncapi && npm ci --no-audit --no-fund --ignore-scripts --loglevel error
	@touch $@

# mosquitto, PostgreSQL, chromium (with and without windows), pango (for the report on paper), VictoriaMetrics, influxdb and promtool come from Debian: installed here when that is allowed, else named.
.venv/.system: .venv/pyvenv.cfg
	@sh deploy/test-machine.sh
	@touch $@
