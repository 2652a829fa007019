"""Training steps against Keras' fit."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.speed import training
from speech_autoencoder.config import ModelConfig
from tests.helpers.common import ROOT, TINY_MODEL, make_dataset


def test_step_flops_are_those_of_its_matrices():
    config = ModelConfig(n_mels=16, frames_per_latent=2, latent_size=4, stem_frames=2, width=8, depth=1)
    shapes = [(2, 16, 4), (2, 16, 8), (8, 4), (4, 32), (3, 4, 8), (8, 32), *2 * [(3, 8, 8), (8, 8)]]
    sizes = [(int(np.prod(shape[:-1])), shape[-1]) for shape in shapes]
    products = sum(6 * rows * columns * 1_000 / 2 for rows, columns in sizes)
    muon = sum(2 * (2 * min(s) ** 2 * max(s) + 9 * min(s) ** 3) for s in sizes)
    assert training.step_flops(config, 1_000) == pytest.approx(products + muon)


def test_rows_have_ratios_and_the_share_of_the_peak(monkeypatch):
    monkeypatch.setattr(training, "model_config", lambda features, rate: TINY_MODEL)
    data = make_dataset([f"a_{i}.wav" for i in range(40)], [60] * 40)
    measured = {trainer: training.measure(data, trainer, 1, n_steps=1) for trainer in ("ours", "keras")}

    def run_python(module, name, array, trainer, times):
        return SimpleNamespace(stdout=json.dumps(measured.get(trainer)))

    monkeypatch.setattr(training, "run_python", run_python)
    row, ahead = training.rows("a.npy", 1)
    assert ahead.ratio == pytest.approx(measured["ours"]["between_ms"] / measured["ours"]["ahead_ms"])
    assert row.ratio == pytest.approx(measured["keras"]["second_ms"] / measured["ours"]["second_ms"])
    share = measured["ours"]["flops"] / (1e-3 * measured["ours"]["step_ms"]) / measured["keras"]["peak"]
    assert f"{share:.0%} of" in row.note
    assert 0 < share < 1


def test_measure_torch_does_not_load_tensorflow():
    """TensorFlow's threads would compete with PyTorch's."""
    code = (
        "import sys; from benchmarks.speed import training; from tests.helpers.common import TINY_MODEL, make_dataset;"
        "training.model_config = lambda features, rate: TINY_MODEL;"
        "training.measure(make_dataset(['a_1.wav'], [60]), 'torch', 1, n_steps=1);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
