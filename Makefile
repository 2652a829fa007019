# The five scripts as rules for the files that pass between them. `make` alone lists the targets.

PYTHON ?= python3
PY := .venv/bin/python
MINUTES ?= 5
# GNU's ls tells dates to the nanosecond, others to the minute.
FULL_TIME := $(shell ls --full-time / > /dev/null 2>&1 && echo --full-time)

.DEFAULT_GOAL := help
# Keep a model whose training was interrupted.
.PRECIOUS: my_model_for_many_data.h5
.DELETE_ON_ERROR:
.PHONY: help demo test lint lock audit dist bench example tour clean FORCE

P := speech_autoencoder
# The folders that each script imports from, directly or through others, and no more: a change makes just the stages
# after it stale. tests/test_makefile.py compares these lists with the imports.
modules = $(wildcard $(patsubst %, $P/%/*.py, $1))
FEATURES := $(addprefix $P/, __init__.py config.py errors.py script_names.py) \
	$(call modules, system engines storage audio audio/formats data data/parts data/sidecar cli)
MODEL := $(FEATURES) $(call modules, model codec)
TRAINING := $(MODEL) $(call modules, training training/backends training/processes)
EVALUATION := $(TRAINING) $(call modules, evaluation evaluation/codecs evaluation/metrics evaluation/recognition report) \
	$(wildcard $P/report/templates/*) \
	$P/export/model_card.py
PREDICTION := $(MODEL) $(addprefix $P/report/, interpolation_figure.py recording_figure.py)
# The function behind a script, and its options.
behind = $(addprefix $P/, api/arguments.py api/reports.py commands/arguments.py $(patsubst %, api/%.py, $1) $(patsubst %, commands/%.py, $2))

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: train_data.npy test_data.npy my_model_for_many_data.h5 evaluation.json reconstruct.wav  ## make the environment, arrays, model, scores and a reconstruction to listen to
	@echo
	@echo "arrays          train_data.npy test_data.npy (described in train_data.json test_data.json)"
	@echo "model           my_model_for_many_data.h5 (its training: training_history.png training_history.csv)"
	@echo "scores          evaluation.json evaluation.png, a page to open: report/index.html, a card: my_model_for_many_data.md"
	@echo "reconstruction  reconstruct.wav reconstruct.png"
	@original=$$(sed -n "s/^AUDIO_PATH = [^\"']*[\"']\(.*\)[\"'].*/\1/p" predict_for_one_data.py); \
	if test ! -e "$$original" && grep -qF "\"$$original\"" $P/cli/inputs.py; \
	then echo "Listen to reconstruct.wav, then to its original, which reconstruct.png names"; \
	else echo "Listen to reconstruct.wav, then to its original: $$original"; fi

.venv/demo: requirements.txt requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	{ echo "TensorFlow needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.12 demo" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

.venv/dev: .venv/demo requirements-dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# Changes when a recording or a folder is newer, or when the list of recordings is another: a folder that was moved here
# keeps its old dates, and so does a file that `cp -p` replaced, which only the date of its status tells (ls -c). Only a
# checksum of the list is kept, so that names may contain spaces and letters of any script.
.venv/recordings-%: .venv/demo FORCE
	@find -L speechdata/$* -exec ls $(FULL_TIME) -dilnL {} + -exec ls $(FULL_TIME) -dilncL {} + 2>/dev/null | LC_ALL=C sort | cksum > $@.now
	@if cmp -s $@.now $@ && test -z "$$(find -L speechdata/$* -newer $@ 2>/dev/null | head -n 1)"; \
	then rm $@.now; else mv $@.now $@; fi

# A stamp for each array, as the scripts do not touch an array that is still correct.
.venv/train: .venv/recordings-training train_data_generator.py $(FEATURES) $(call behind, array_reports datasets engines parts, features)
	$(PY) train_data_generator.py
	touch $@

.venv/test: .venv/train .venv/recordings-testing test_data_generator.py $(FEATURES) $(call behind, array_reports datasets engines parts, features)
	$(PY) test_data_generator.py
	touch $@

# Deleted files are made again.
train_data.json: .venv/train ; @test -e $@ || $(PY) train_data_generator.py
train_data.npy: .venv/train train_data.json ; @test -e $@ || $(PY) train_data_generator.py
test_data.json: .venv/test train_data.json ; @test -e $@ || $(PY) test_data_generator.py
test_data.npy: .venv/test train_data.npy test_data.json ; @test -e $@ || $(PY) test_data_generator.py

my_model_for_many_data.h5: train_data.npy autoencoder_for_many_data.py $(TRAINING) $(call behind, training training_options, train)
	$(PY) autoencoder_for_many_data.py --minutes $(MINUTES)

evaluation.json: test_data.npy my_model_for_many_data.h5 evaluate_for_many_data.py $(EVALUATION) $(call behind, engines evaluation evaluation_steps, evaluate)
	$(PY) evaluate_for_many_data.py

reconstruct.wav: my_model_for_many_data.h5 predict_for_one_data.py $(PREDICTION) $(call behind, engines file_batches interpolation prediction, predict)
	$(PY) predict_for_one_data.py --no-show

test: .venv/dev  ## run the whole test suite
	$(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: .venv/dev  ## check style, formatting, types and spelling
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m codespell_lib

lock: .venv/dev  ## update requirements.lock, after a change of requirements.txt
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" requirements.txt --output-file requirements.lock

audit: .venv/dev  ## look for known vulnerabilities in requirements.lock
	$(PY) -m pip_audit --require-hashes --disable-pip -r requirements.lock

dist: .venv/dev  ## build the wheel and the source distribution in dist/, and try each in an empty environment
	rm -rf dist
	$(PY) -m uv build --quiet --out-dir dist
	$(PY) -m tools.try_distributions dist

bench: .venv/dev  ## measure the speed of every stage, for docs/speed.md
	$(PY) -m benchmarks

# With Codec 2 and PESQ, if they are installed, and with Lyra v2 if LYRA is the folder of its weights.
example: demo .venv/dev  ## update docs/example: the figure of the README and the page of sounds, in a quarter of an hour
	rm -rf build/example
	mkdir -p build/example docs/example
	cp reconstruct.png docs/example/
	cp my_model_for_many_data.h5 build/example/classic.h5
	$(PY) -m tools.example_page build/example --minutes $(MINUTES) $(if $(LYRA),--lyra $(LYRA))

tour: .venv/dev  ## run docs/tour.ipynb again, and keep what it shows and plays
	$(PY) -m tools.run_tour

clean:  ## remove the outputs of the scripts, and the environment
	rm -rf .venv dist report/index.html report/sound
	rm -f train_data.npy train_data.json test_data.npy test_data.json training_history.csv training_history.png
	rm -f my_model_for_many_data.h5 my_model_for_many_data.checkpoint.npz my_model_for_many_data.md evaluation.json evaluation.png
	rm -f reconstruct.wav reconstruct.png reconstruct.sae
	@rmdir report 2>/dev/null || true
