"""The steps from the old program to ours, and their rows."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.quality import ablation, ablation_steps, original_network
from benchmarks.quality.ablation_steps import Material, System, systems
from benchmarks.quality.reconstructions import reconstruct_all
from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import CLASSIC, LatentSearchConfig

SR = CLASSIC.sr


@pytest.fixture
def made(small_arrays, shaken, monkeypatch, tmp_path):
    """Return the systems, of networks without training."""
    costs = {"n_weights": 4_385, "training_s": 1.0, "epochs": 1}
    monkeypatch.setattr(ablation_steps, "_train_old", lambda clips, args: (original_network.build(), costs))
    monkeypatch.setattr(ablation_steps, "_train_original", lambda material: (original_network.build(), costs))
    monkeypatch.setattr(ablation_steps, "_train_ours", lambda material: (shaken, costs))
    return list(systems(Material(*small_arrays, tmp_path, SimpleNamespace(seed=0, minutes=1))))


def test_systems_go_from_the_old_program_to_ours_and_each_step_changes_the_sound(made):
    names = [system.name for system in made]
    assert len(set(names)) == len(names)
    assert [name for name in names if name.startswith("+")] == [
        *("+ features", "+ normalisation", "+ inversion", "+ training", "+ network"),
        "+ latent search: this program",
    ]
    assert {round(system.latent_per_second) for system in made} == {5_512, 691, 689}
    sounds = [system.sound(0) for system in made]
    for sound in sounds:
        assert sound.ndim == 1
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() > 0
    assert len({sound.tobytes() for sound in sounds}) == len(sounds)


def test_render_gives_what_the_table_of_settings_scores(made, small_arrays, shaken):
    data = small_arrays[1]
    expected, _ = reconstruct_all(data, Encoder(shaken, LatentSearchConfig(steps=0)), workers=2)
    by_name = {system.name: system for system in made}
    for name, system in (
        ("our features and inversion, no network", "copy_synthesis"),
        ("+ network", "encoder"),
        ("PCA baseline, our features and inversion", "pca"),
    ):
        sounds = ablation.render(data, by_name[name].sound, workers=2)
        for sound, other in zip(sounds, expected[system], strict=True):
            assert len(sound) == len(other)
            error = np.abs(sound - other)[: -CLASSIC.n_fft]
            assert error.max(initial=0) < 1e-3


def test_row_of_the_original_is_perfect_and_has_a_cell_for_every_column(small_arrays):
    data = small_arrays[1]
    row = ablation.row_of(System("it", lambda i: read(data.path(i), SR), 689.1), data, None, workers=2)
    assert row["scores"]["stoi"] > 0.999
    assert row["scores"]["digits"] is None
    line = ablation.line_of(row)
    assert line.startswith("| it | 689 | - | - | ")
    assert line.count("|") == len(ablation.COLUMNS) + 1
    assert "sound" not in row
