"""The way from the old program to ours: that it made the mistakes that it is said to have made; what a row holds."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.quality import ablation, mends, old_program, original_network
from benchmarks.quality.hearing import sounds
from benchmarks.quality.mends import Material, System, systems
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import CLASSIC, LatentSearchConfig
from tests.helpers.common import make_speech

SR = CLASSIC.sr


def clips(n=4, seed=0):
    """Clips (n, 128, 48, 1) in [0.2, 0.7]."""
    return 0.2 + 0.5 * np.random.default_rng(seed).random((n, 128, 48, 1), np.float32)


def copied(clips, training):
    """A network that returns what it gets."""
    return clips


# The old program


@pytest.mark.parametrize("n_samples", [SR // 4, old_program.N_SAMPLES, 2 * SR])
def test_analyse_is_one_clip_of_any_recording(n_samples):
    assert old_program.analyse(make_speech(n_samples, SR)).shape == (128, 48)


def test_analyse_loses_what_is_40_db_below_the_loudest():
    t = np.arange(SR) / SR
    loud, quiet = np.sin(2 * np.pi * 400 * t), np.sin(2 * np.pi * 4_000 * t)
    alone = old_program.analyse(loud)
    for level_db, is_heard in ((-36, True), (-44, False)):
        both = old_program.analyse(loud + 10 ** (level_db / 20) * quiet)
        band = both[:, 10].copy()
        band[alone[:, 10] > -80] = -80
        assert (band.max() > -80) == is_heard


def test_synthesise_of_what_was_analysed_has_its_pitch():
    waveform = 0.1 * np.sin(2 * np.pi * 1_000 * np.arange(old_program.N_SAMPLES) / SR)
    sound = old_program.synthesise(old_program.analyse(waveform), seed=0)
    assert len(sound) == old_program.N_SAMPLES
    assert np.abs(np.fft.rfft(sound)).argmax() * SR / len(sound) == pytest.approx(1_000, abs=30)
    np.testing.assert_array_equal(sound, old_program.synthesise(old_program.analyse(waveform), seed=0))


@pytest.mark.parametrize("stretched", [True, False])
def test_through_a_perfect_network_gives_the_clips(stretched):
    some = clips()
    some[1] = 0.3  # nothing to stretch
    np.testing.assert_allclose(old_program.through(copied, some, stretched=stretched), some, atol=1e-6)


def test_through_stretched_undoes_what_the_network_did_to_the_range():
    """A network's own extremes are taken for the clip's: a single value that is off moves all the others."""

    def outlier(clips, training):
        return np.where(clips == 1, 3, clips)

    some = clips(1)
    output = old_program.through(outlier, some, stretched=True)
    assert output.max() == pytest.approx(some.max())
    assert np.abs(output - some).mean() > 0.1


def test_train_sees_half_of_the_clips_and_ends_in_time():
    some = clips()
    network, n_epochs = old_program.train(some, minutes=1e-6, seed=0)
    assert n_epochs == 1
    assert network.count_params() == 4_385
    kept = np.random.default_rng(0).permutation(4)[:2]
    some[[i for i in range(4) if i not in kept]] = 0
    again, _ = old_program.train(some, minutes=1e-6, seed=0)
    for weight, expected in zip(network.weights, again.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


# The table


@pytest.fixture
def made(small_arrays, shaken, monkeypatch, tmp_path):
    """The systems, of networks that nobody trained."""
    costs = {"n_weights": 4_385, "training_s": 1.0, "epochs": 1}
    monkeypatch.setattr(mends, "_train_old", lambda clips, args: (original_network.build(), costs))
    monkeypatch.setattr(mends, "_train_original", lambda material: (original_network.build(), costs))
    monkeypatch.setattr(mends, "_train_ours", lambda material: (shaken, costs))
    return list(systems(Material(*small_arrays, tmp_path, SimpleNamespace(seed=0, minutes=1))))


def test_systems_go_from_the_old_program_to_ours(made):
    names = [system.name for system in made]
    assert len(set(names)) == len(names)
    assert [name for name in names if name.startswith("+")] == [
        *("+ features", "+ normalisation", "+ inversion", "+ training", "+ network"),
        "+ search of the latent: this program",
    ]
    assert {round(system.numbers_per_second) for system in made} == {5_512, 691, 689}
    heard = [system.sound(0) for system in made]
    for sound in heard:
        assert sound.ndim == 1
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() > 0
    # Every step changes something.
    assert len({sound.tobytes() for sound in heard}) == len(heard)


def test_hear_is_what_the_table_of_settings_hears(made, small_arrays, shaken):
    data = small_arrays[1]
    expected, _ = sounds(data, Encoder(shaken, LatentSearchConfig(steps=0)), workers=2)
    by_name = {system.name: system for system in made}
    for name, system in (
        ("our features, inverted our way", "copy_synthesis"),
        ("+ network", "encoder"),
        ("PCA, as many numbers, our way", "pca"),
    ):
        for heard, other in zip(ablation.hear(data, by_name[name].sound, workers=2), expected[system], strict=True):
            assert len(heard) == len(other)
            error = np.abs(heard - other)[: -CLASSIC.n_fft]
            assert error.max(initial=0) < 1e-3


def test_row_of_the_original_is_perfect_and_has_a_cell_for_every_heading(small_arrays):
    from speech_autoencoder.audio.reading import read

    data = small_arrays[1]
    row = ablation.row_of(System("it", lambda i: read(data.path(i), SR), 689.1), data, None, workers=2)
    assert row["scores"]["stoi"] > 0.999
    assert row["scores"]["digits"] is None
    line = ablation.line_of(row)
    assert line.startswith("| it | 689 | - | - | ")
    assert line.count("|") == ablation._HEADINGS.count("|") + 2
    assert "sound" not in row
