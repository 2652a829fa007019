"""PCA as a codec: its code lengths and its bitrate."""

import numpy as np
import pytest

from benchmarks.codec import pca_codec
from benchmarks.codec.segment_files import files_of
from speech_autoencoder.evaluation.metrics.intelligibility import stoi

SR = 8_000


def test_statistics_code_length_of_a_gaussian_is_its_differential_entropy():
    """H(quantised) = h - log2(step) for small steps, h = log2(2 pi e variance) / 2 (Cover and Thomas, 8.3)."""
    rng, deviations = np.random.default_rng(0), np.array([0.5, 2.0])
    training, testing = (rng.normal(size=(200_000, 2)) * deviations for _ in range(2))
    step = 0.1
    statistics = pca_codec.statistics(pca_codec.quantise(training, step))
    symbols = np.clip(pca_codec.quantise(testing, step), statistics.lowest, statistics.highest)
    expected = np.sum(0.5 * np.log2(2 * np.pi * np.e * deviations**2) - np.log2(step))
    assert statistics(symbols).mean() == pytest.approx(expected, abs=0.01)


def test_statistics_component_that_never_changes_takes_no_bits():
    symbols = np.array([[3, 0], [3, 1], [3, 0], [3, 1]])
    assert pca_codec.statistics(symbols)(symbols) == pytest.approx([1, 1, 1, 1])


def test_make_codec_keeps_its_bitrate_and_is_better_with_more_bits(corpus):
    files, _ = files_of(corpus)
    references = [file.waveform for file in files]
    codec, scores = pca_codec.make_codec(pca_codec.fit(corpus, SR), workers=2), []
    for bitrate in ("0.7", "3.2"):
        coded = codec.code(bitrate, references, SR)
        assert [len(x) for x in coded.waveforms] == [len(x) for x in references]
        seconds = sum(map(len, references)) / SR
        # Each file's last block is whole, and the files are short.
        assert 8 * sum(coded.n_bytes) / seconds == pytest.approx(1_000 * float(bitrate), rel=0.1)
        scores.append(np.mean([stoi(*pair, SR) for pair in zip(references, coded.waveforms, strict=True)]))
    assert scores[0] < scores[1]
