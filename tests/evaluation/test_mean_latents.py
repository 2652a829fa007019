"""Probes of mean latents: certain where classes are apart, no better than chance where labels are shuffled."""

import importlib.util
import sys

import numpy as np
import pytest

from speech_autoencoder.evaluation import mean_latents
from speech_autoencoder.evaluation.mean_latents import WORD_OF_NEW_SPEAKERS, place, probe

N = 120


def make(n=N, n_speakers=4, n_words=5, seed=0):
    """Return speakers, words and noise (n, 8), in which nothing tells either."""
    rng = np.random.default_rng(seed)
    speakers = [f"s{i % n_speakers}" for i in range(n)]
    words = [f"w{i // n_speakers % n_words}" for i in range(n)]
    return speakers, words, rng.normal(size=(n, 8))


def shifts(targets, size):
    """Return a shift (n, size) of each target, so that a line separates it from all others."""
    names = sorted(set(targets))
    return 20 * np.eye(len(names), size)[[names.index(target) for target in targets]]


def run(means, speakers, words, **options):
    """Probe the same or several means, each recording a file and two of them a segment."""
    inputs = means if isinstance(means, dict) else dict.fromkeys(("model", "pca", "log_mel"), means)
    n = len(speakers)
    return probe(inputs, speakers, words, **{"files": range(n), "segments": [i // 2 for i in range(n)]} | options)


def test_probe_tells_what_is_linearly_separable_for_certain():
    speakers, words, noise = make()
    inputs = {"model": noise + shifts(speakers, 8), "pca": noise, "log_mel": noise}
    found = run(inputs, speakers, words)["speaker"]
    assert found.accuracy["model"] == 1
    low, high = found.intervals["model"]
    assert (round(low, 3), high) == (0.970, 1)  # 0.97 ** 120 is 0.025
    assert found.differences["pca"].shows == "better"
    assert (found.n_recordings, found.n_classes, found.n_values, found.reason) == (N, 4, 8, "")


def test_probe_of_few_segments_has_the_exact_interval():
    from scipy.stats import binomtest

    speakers, words, noise = make()
    found = run(noise, speakers, words, segments=[i % 4 for i in range(N)])["speaker"]
    n_right = round(found.accuracy["model"] * N)
    exact = binomtest(n_right, N).proportion_ci(method="exact")
    assert found.intervals["model"] == pytest.approx([exact.low, exact.high])
    assert found.differences["pca"].shows == "unknown"


def test_probe_of_shuffled_labels_is_chance():
    speakers, words, noise = make(n=400)
    means = noise + shifts(speakers, 8)
    shuffled = [*np.random.default_rng(1).permutation(speakers)]
    found = run(means, shuffled, words)["speaker"]
    low, high = found.intervals["model"]
    assert low < found.chance < high
    assert found.differences["pca"].difference == 0


def test_probe_is_scikit_learns_cross_validation():
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    speakers, words, noise = make()
    means = (noise + 0.05 * shifts(words, 8)) * 10.0 ** np.arange(-4, 4)
    found = run(means, speakers, words)
    for key, groups in (("word", [*range(N)]), (WORD_OF_NEW_SPEAKERS, speakers)):
        folds = StratifiedGroupKFold(found[key].n_folds, shuffle=True, random_state=0)
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
        told = cross_val_predict(pipeline, means, words, cv=folds, groups=groups)
        assert found[key].accuracy["model"] == pytest.approx((told == np.array(words)).mean())
        assert 0.2 < found[key].accuracy["model"] < 1


def test_probe_of_new_speakers_does_not_tell_what_only_known_ones_show():
    # Each speaker has words of their own kind: what tells them says nothing of another speaker's.
    speakers, words, noise = make(n=300, n_speakers=6)
    rng = np.random.default_rng(2)
    orders = {speaker: rng.permutation(5) for speaker in sorted(set(speakers))}
    codes = [str(orders[speaker][int(word[1:])]) + speaker for speaker, word in zip(speakers, words, strict=True)]
    means = np.hstack([noise, shifts(codes, 30)])
    found = run(means, speakers, words)
    assert found["word"].accuracy["model"] == 1
    assert found[WORD_OF_NEW_SPEAKERS].accuracy["model"] < 0.5


def test_probe_recordings_of_one_file_are_in_one_fold():
    # Copies: each file is four recordings, whose words are as random as their latents.
    rng = np.random.default_rng(0)
    files = np.repeat(np.arange(50), 4)
    words = rng.permutation([f"w{i % 2}" for i in range(50)])[files]
    means = rng.normal(size=(50, 60))[files] + 0.01 * rng.normal(size=(200, 60))
    unaware = run(means, [""] * 200, [*words])["word"]
    aware = run(means, [""] * 200, [*words], files=files)["word"]
    assert unaware.accuracy["model"] > 0.8
    assert aware.accuracy["model"] < 0.7


def test_probe_gives_every_input_as_many_values():
    # What tells the speaker is among the first components of one input, and beyond the first eight of the other.
    speakers, words, noise = make()
    loud = np.random.default_rng(3).normal(size=(N, 60))
    first, last = np.hstack([loud, shifts(speakers, 4)]), np.hstack([1_000 * loud, shifts(speakers, 4)])
    found = run({"model": noise, "pca": first, "log_mel": last}, speakers, words)["speaker"]
    assert found.n_values == 8
    assert found.accuracy["pca"] == 1
    assert found.accuracy["log_mel"] < 0.5


def test_probe_chance_is_the_most_frequent_speaker():
    speakers = ["a"] * 60 + ["b"] * 40
    assert run(np.zeros((100, 3)), speakers, [""] * 100)["speaker"].chance == 0.6


def test_probe_of_vectors_that_are_all_the_same_tells_nothing():
    speakers, words, _ = make()
    found = run({"model": np.zeros((N, 3)), "pca": np.ones((N, 9)), "log_mel": np.zeros((N, 9))}, speakers, words)
    assert found["speaker"].accuracy["model"] <= 0.3


@pytest.mark.parametrize(
    ("speakers", "words", "reasons"),
    [
        ([""] * 8, [""] * 8, ["no speaker is known", "no word is known", "no word is known"]),
        (["a"] * 8, [""] * 8, ["fewer than two speakers have recordings from 5 files each"]),
        (["a"] * 5 + ["b"] * 4, [""] * 9, ["fewer than two speakers have recordings from 5 files each"]),
        (
            ["a", "b"] * 10,
            ["x"] * 10 + ["y"] * 10,
            ["", "", "fewer than two words have 5 recordings by 3 speakers each"],
        ),
    ],
)
def test_probe_that_is_not_possible_says_why(speakers, words, reasons):
    means = np.random.default_rng(0).normal(size=(len(speakers), 4))
    found = run(means, speakers, words)
    for entry, reason in zip(found.values(), reasons, strict=False):
        assert entry.reason == reason
        assert bool(entry.accuracy) != bool(reason)


def test_probe_many_recordings_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(mean_latents, "_MOST_RECORDINGS", 40)
    speakers, words, noise = make()
    assert run(noise + shifts(speakers, 8), speakers, words)["speaker"].n_recordings == 40


def test_probe_and_map_without_scikit_learn_say_so(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(mean_latents, "find_spec", lambda name: None if name == "sklearn" else find(name))
    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    speakers, words, noise = make()
    found = run(noise, speakers, words)
    assert all(entry.reason.startswith("scikit-learn is not installed: pip install") for entry in found.values())
    assert place(dict(enumerate(noise))) == {}


def test_place_puts_similar_recordings_together():
    speakers, _, noise = make()
    places = place(dict(enumerate(noise + shifts(speakers, 8))))
    assert list(places) == list(range(N))
    xy = np.array([*places.values()])
    assert (xy.min(), xy.max()) == (0, 1)
    assert xy.min(axis=0) + xy.max(axis=0) == pytest.approx([1, 1], abs=1e-3)  # in the middle
    nearest = ((xy[:, None] - xy) ** 2).sum(axis=2) + 9 * np.eye(N)
    assert [speakers[i] for i in nearest.argmin(axis=1)] == speakers


def test_place_twice_gives_the_same_map():
    _, _, noise = make()
    assert place(dict(enumerate(noise))) == place(dict(enumerate(noise)))


def test_place_of_many_recordings_has_some_evenly():
    means = dict(enumerate(np.random.default_rng(0).normal(size=(1_000, 3))))
    places = place(means)
    assert len(places) == 300
    assert (min(places), max(places)) == (0, 999)
    assert max(np.diff([*places])) <= 4


@pytest.mark.parametrize("means", [{}, {3: np.ones(2)}, {i: np.ones(5) for i in range(40)}], ids=["no", "one", "same"])
def test_place_of_nothing_to_tell_apart_is_no_map(means):
    assert place(means) == {}


def test_place_few_recordings_have_a_map():
    places = place(dict(enumerate(np.random.default_rng(0).normal(size=(5, 3)))))
    assert len(places) == 5
    assert np.isfinite([*places.values()]).all()
