"""The benchmarks of speed: ratios are printed, what became slower is said, the table takes its place in the page."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf

from benchmarks.speed import features as speed_features
from benchmarks.speed import growth
from benchmarks.speed import inversion as speed_inversion
from benchmarks.speed import memory as speed_memory
from benchmarks.speed import stages as speed
from benchmarks.speed import training as speed_training
from benchmarks.speed.timing import compared, in_turns, process
from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.config import CLASSIC, ModelConfig
from speech_autoencoder.data import building, dataset
from tests.helpers.common import ROOT, TINY_MODEL, make_dataset, make_speech

BEFORE = [
    {"stage": "a", "against": "x", "unit": "s", "ours": 1, "theirs": 9, "ratio": 9.0, "least": 4, "note": ""},
    {"stage": "gone", "against": "x", "unit": "s", "ours": 1, "theirs": 9, "ratio": 9.0, "least": 4, "note": ""},
]


@pytest.fixture
def recordings(tmp_path):
    """A folder of four short recordings."""
    for i in range(4):
        write_stream(tmp_path / "recordings" / f"a_ann_{i}.wav", [make_speech(12_000, 16_000, i)], 16_000)
    return tmp_path / "recordings"


def test_in_turns_takes_turns_and_the_best():
    called, ticks = [], iter([0, 5, 5, 6, 6, 8, 8, 12])
    best = in_turns([lambda: called.append("a"), lambda: called.append("b")], 2, lambda: next(ticks))
    assert called == ["a", "b", "a", "b"]
    assert best == [2, 1]


def test_process_failing_ends_with_its_words():
    with pytest.raises(SystemExit, match="no such thing"):
        process("-c", "raise ValueError('no such thing')")


@pytest.mark.parametrize("ours, words", [(1.0, []), (1.1, []), (2.0, ["Slower: a, against x: 4.50, was 9.00."])])
def test_slower_says_what_is_worse_than_the_tolerance(ours, words):
    assert speed.slower([compared("a", "x", "s", ours, 9, 4), compared("new", "x", "s", 9, 1, 4)], BEFORE) == words


def test_merged_keeps_what_was_not_measured():
    rows = speed.merged([compared("new", "x", "s", 1, 2, None), compared("a", "x", "s", 3, 9, 4)], BEFORE)
    assert [(row["stage"], row["ratio"]) for row in rows] == [("a", 3.0), ("gone", 9.0), ("new", 2.0)]


def test_table_marks_what_is_not_reached(tmp_path):
    text = speed.table([compared("a", "x", "s", 3, 9, 4, "noted"), compared("b", "y", "MB", 100, 900, 4)])
    assert "| a | 3 s | x | 9 s | **3.00** | 4 | noted |" in text
    assert "| b | 100 MB | y | 900 MB | 9.00 | 4 |  |" in text
    page = tmp_path / "speed.md"
    page.write_text((ROOT / "docs" / "speed.md").read_text())
    for _ in range(2):
        speed.write_table(page, text)
    assert page.read_text().count(text) == 1
    page.write_text("nothing")
    with pytest.raises(SystemExit, match="no place"):
        speed.write_table(page, text)


def test_features_equal_those_of_librosa(recordings, tmp_path):
    building.build(recordings, tmp_path / "a.npy", CLASSIC, workers=1)
    speed_features.librosa_loop(recordings, tmp_path / "b.npz")
    data = dataset.load(tmp_path / "a.npy", "")
    assert speed_features.most_difference_db(data, tmp_path / "b.npz") < speed_features.TOLERANCE_DB
    # Another order is another corpus.
    shutil.move(recordings / "a_ann_0.wav", recordings / "z_ann_0.wav")
    speed_features.librosa_loop(recordings, tmp_path / "b.npz")
    shutil.move(recordings / "z_ann_0.wav", recordings / "a_ann_0.wav")
    assert speed_features.most_difference_db(data, tmp_path / "b.npz") > 1


def test_features_of_a_recording_with_an_offset_are_not_compared(recordings, tmp_path):
    samples, sr = sf.read(recordings / "a_ann_0.wav")
    sf.write(recordings / "a_ann_0.wav", 0.3 * samples + 0.3, sr)
    building.build(recordings, tmp_path / "a.npy", CLASSIC, workers=1)
    speed_features.librosa_loop(recordings, tmp_path / "b.npz")
    data = dataset.load(tmp_path / "a.npy", "")
    assert speed_features.most_difference_db(data, tmp_path / "b.npz") < speed_features.TOLERANCE_DB


def test_floor_rows_say_how_far_from_it(recordings):
    (row,) = speed_features.floor_rows(recordings, 1)
    assert row.ours > 0
    assert row.ratio == pytest.approx(row.theirs / row.ours)
    assert "times the floor" in row.note


def test_inversion_is_compared_at_equal_pesq(recordings, tmp_path, monkeypatch):
    building.build(recordings, tmp_path / "a.npy", CLASSIC, workers=1)
    # Librosa's own takes half a minute to start.
    monkeypatch.setattr("librosa.feature.inverse.mel_to_audio", lambda mel, **options: np.ones(100, np.float32))
    monkeypatch.setattr(speed_inversion, "score", lambda references, estimates, strings: 3.0)
    equal, default = speed_inversion.rows(dataset.load(tmp_path / "a.npy", ""), 1, most=2)
    assert "PESQ-NB 3.00, librosa's 3.00; 2 rounds" in equal.note
    assert equal.ratio == pytest.approx(equal.theirs / equal.ours)
    assert equal.ours < default.ours
    assert "x real time" in default.note


def test_step_flops_are_those_of_its_matrices():
    config = ModelConfig(n_mels=16, frames_per_latent=2, latent_size=4, stem_frames=2, width=8, depth=1)
    shapes = [(2, 16, 4), (2, 16, 8), (8, 4), (4, 32), (3, 4, 8), (8, 32), *2 * [(3, 8, 8), (8, 8)]]
    sizes = [(int(np.prod(shape[:-1])), shape[-1]) for shape in shapes]
    products = sum(6 * rows * columns * 1_000 / 2 for rows, columns in sizes)
    muon = sum(2 * (2 * min(s) ** 2 * max(s) + 9 * min(s) ** 3) for s in sizes)
    assert speed_training.step_flops(config, 1_000) == pytest.approx(products + muon)


def test_own_memory_of_a_process_is_what_it_took(tmp_path):
    megabytes, _ = speed_memory.own_memory(["-c", "x = b'x' * 80_000_000; import time; time.sleep(0.4)"], tmp_path)
    assert 76 < megabytes < 120  # MiB


def test_slopes_of_a_line_and_a_square():
    assert growth.slopes([1, 10, 100], [2.0, 20.0, 2_000.0]) == pytest.approx([1, 2])
    assert growth.slopes([1, 10, 100], [2.0, 20.0, None]) == pytest.approx([1])


def test_corpus_is_as_large_as_asked(recordings, tmp_path):
    folder = growth.corpus(recordings, 9, tmp_path / "many")
    assert len(list(folder.iterdir())) == 9
    growth.draw(tmp_path / "a.png", [1, 9], {"features": [1.0, 2.0], "training epoch": [1.0, None]})
    assert (tmp_path / "a.png").stat().st_size > 1_000


def test_training_rows_print_ratios(monkeypatch):
    monkeypatch.setattr(speed_training, "model_config", lambda features, numbers: TINY_MODEL)
    data = make_dataset([f"a_{i}.wav" for i in range(40)], [60] * 40)
    measured = {who: speed_training.measure(data, who, 1, n_steps=1) for who in ("ours", "keras")}

    def a_process(module, name, array, trainer, times):
        return SimpleNamespace(stdout=json.dumps(measured.get(trainer)))

    monkeypatch.setattr(speed_training, "process", a_process)
    (row,) = speed_training.rows("a.npy", 1)
    assert row.ratio == pytest.approx(measured["keras"]["second_ms"] / measured["ours"]["second_ms"])
    share = measured["ours"]["flops"] / (1e-3 * measured["ours"]["step_ms"]) / measured["keras"]["peak"]
    assert f"{share:.0%} of" in row.note
    assert 0 < share < 1
