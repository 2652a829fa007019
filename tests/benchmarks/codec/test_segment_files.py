"""Segments as files, and the recordings cut out of them again."""

import numpy as np
import soundfile as sf

from benchmarks.codec.segment_files import cut_recordings, files_of
from speech_autoencoder.evaluation.segments import join

SR = 8_000


def test_files_of_are_segments_of_one_speaker_and_take(corpus):
    files, sr = files_of(corpus)
    assert sr == SR
    assert sorted(tuple(file.names) for file in files) == [
        (f"0_{who}_{take}.wav", f"1_{who}_{take}.wav") for who in ("ann", "bob") for take in (5, 6)
    ]
    for file in files:
        originals = [sf.read(corpus / name, dtype="float32")[0] for name in file.names]
        assert np.array_equal(file.waveform, join(originals, SR))


def test_cut_recordings_gives_each_recording_as_it_was(corpus):
    files, _ = files_of(corpus)
    cut, names = cut_recordings(files, [file.waveform for file in files])
    assert sorted(names) == sorted(path.name for path in corpus.iterdir())
    for waveform, name in zip(cut, names, strict=True):
        assert np.array_equal(waveform, sf.read(corpus / name, dtype="float32")[0])
