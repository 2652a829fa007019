"""The description of a corpus: its size, its levels, warnings that name a few recordings."""

import re

import numpy as np
import pytest

from speech_autoencoder.data import building
from speech_autoencoder.data.corpus_summary import describe, warn_if_small
from tests.helpers.arrays import write_sounds
from tests.helpers.common import TINY, make_speech

SR = 8_000


def columns_of(folder, sounds, workers=1):
    """Return the sidecar's columns of recordings {name: (waveform, sr)}."""
    return building.build(
        write_sounds(sounds, folder / "audio"), folder / f"{workers}.npy", TINY, workers=workers
    ).columns


def test_describe_warns_of_what_is_wrong_and_names_recordings(tmp_path):
    speech = make_speech(2 * SR, SR)
    sounds = {f"{i}_ann_0.wav": (make_speech(SR, SR, i), SR) for i in range(3)}
    sounds |= {f"copy {i}_ann_9.wav": (speech, SR) for i in range(8)}
    sounds["clipped.wav"] = (np.clip(50 * speech, -1, 1), 2 * SR)
    sounds["silent.wav"] = (np.zeros(SR), SR)
    sounds["7_ben_0.wav"] = (0.02 * speech, SR)
    sounds["8_ben_1.wav"] = (np.concatenate([speech[: SR // 2], np.zeros(4 * SR)]), SR)
    sounds["tiny.wav"] = (speech[:300], SR)
    lines = describe(columns_of(tmp_path, sounds))
    assert "2 speakers by name, and 3 recordings of unknown speakers" in lines[0]
    assert "15 at 8,000 Hz, 1 at 16,000 Hz" in lines[0]
    assert lines[1].startswith("Levels: ")
    warnings = [line.removeprefix("Warning: ") for line in lines if line.startswith("Warning: ")]
    for what, name in (
        ("1 recording is clipped", "clipped.wav"),
        ("1 recording is silent", "silent.wav"),
        ("1 recording is mostly silence", "8_ben_1.wav"),
        ("1 recording is very quiet", "7_ben_0.wav"),
        ("1 recording is too short", "tiny.wav"),
    ):
        (line,) = [line for line in warnings if line.startswith(what)]
        assert line.endswith(f": {name}.")
    (line,) = [line for line in warnings if "byte for byte" in line]
    assert line.startswith("7 recordings are identical to another")
    assert line.endswith("and 2 more.")
    assert line.count(".wav") == 5
    assert lines[-1].startswith("Warning: 16 recordings, 27.5 s in all: enough to try things out, too little for any")


def test_describe_good_recordings_give_no_warning(tmp_path):
    lines = describe(columns_of(tmp_path, {f"{i}.wav": (make_speech(SR, SR, i), SR) for i in range(31)}))
    assert len(lines) == 3
    assert "their names do not tell the speakers" in lines[0]
    assert "--minutes 2," in lines[-1]


@pytest.mark.parametrize(
    ("n_samples", "expected"),
    [
        ([4_000], "1 recording, 0.5 s in all"),
        ([SR * 29], "1 recording, 29 s in all"),
        ([SR * 4] * 29, "29 recordings, 116 s in all"),
        ([SR // 2] * 59, "59 recordings, 29.5 s in all"),
        ([SR] * 30, ""),
        ([SR * 181], ""),
    ],
)
def test_warn_if_small_corpus_is_too_small_for_any_claim(n_samples, expected):
    lines = warn_if_small(n_samples, [SR] * len(n_samples))
    assert len(lines) == bool(expected)
    assert not expected or (f"Warning: {expected}" in lines[0] and "at least 30 recordings and 30 s" in lines[0])


def test_describe_small_corpus_suggests_no_minutes(tmp_path):
    lines = describe(columns_of(tmp_path, {"a.wav": (make_speech(SR // 2, SR), SR)}))
    assert "0.5 s in all" in lines[-1]
    assert not any("--minutes" in line for line in lines)


def test_describe_any_count_of_workers_gives_the_same_lines(tmp_path):
    sounds = {f"{i}.wav": (make_speech(SR + 37 * i, SR, i), SR) for i in range(12)}
    assert describe(columns_of(tmp_path, sounds)) == describe(columns_of(tmp_path, sounds, 3))


def test_describe_long_corpus_is_in_hours_and_trained_for_an_hour_at_most():
    columns = {
        "path": ["a_b_c.wav"],
        "speaker": ["b"],
        "sr": [SR],
        "n_samples": [SR * 9_000],
        "power": [0.01],
        "clipped": [0],
    }
    columns |= {"quiet": [0.1], "digest": [0], "size": [1]}
    lines = describe(columns)
    assert lines[0].startswith("Corpus: 2.5 hours in 1 recording of 9000.00 s")
    assert "1 speaker by name" in lines[0]
    assert "--minutes 60," in lines[-1]


def test_describe_recordings_that_are_alike_have_no_range(tmp_path):
    lines = describe(columns_of(tmp_path, {f"{i}.wav": (make_speech(SR, SR), SR) for i in range(2)}))
    assert "2 recordings of 1.00 s;" in lines[0]
    assert re.match(r"Levels: -\d+ dBFS; ", lines[1])
