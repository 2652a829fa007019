"""The stages that are measured do what commands do, on arrays that load."""

import numpy as np
import pytest

from benchmarks.speed import scale_memory
from speech_autoencoder.data.dataset import load
from speech_autoencoder.data.sidecar import json_file


@pytest.mark.parametrize("most_in_json", [10, 1_000])
def test_make_array_loads_with_any_sidecar(tmp_path, monkeypatch, most_in_json):
    monkeypatch.setattr(json_file, "_MOST_IN_JSON", most_in_json)
    scale_memory.make_array(tmp_path / "a.npy", 100, scale_memory.SMALL)
    data = load(tmp_path / "a.npy", "")
    assert len(data.names) == len(set(data.names)) == len(data.clips) == 100
    assert set(data.speakers()) == {f"speaker{i:04}" for i in range(10)}
    assert not np.asarray(data.clips).any()


@pytest.mark.parametrize("stage", ["load", "leakage", "end_of_the_generator"])
def test_stages_run_on_what_make_arrays_has_written(tmp_path, monkeypatch, stage):
    monkeypatch.setattr(scale_memory, "_N_TESTING", 3)
    monkeypatch.setattr(json_file, "_MOST_IN_JSON", 10)
    scale_memory.make_arrays(tmp_path, stage, 40)
    scale_memory.STAGES[stage](tmp_path)
