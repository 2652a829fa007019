"""The PCA baseline: exact with all its components, and equal to scikit-learn's with fewer."""

from itertools import pairwise

import numpy as np
import pytest
import sklearn.decomposition
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.model.pca import fit, to_blocks
from tests.helpers.common import TINY, make_dataset

N_MELS = TINY.n_mels
FRAMES_PER_LATENT = 4
ALL = N_MELS * FRAMES_PER_LATENT


@pytest.fixture(scope="module")
def data():
    """Return twelve recordings of noise that changes slowly over time and bands: components of every size."""
    data = make_dataset([str(i) for i in range(12)], [97, 30, 64, 65, 1, 40, 120, 33, 80, 51, 100, 77])
    noise = np.random.default_rng(3).normal(size=data.clips.shape).cumsum(axis=2).cumsum(axis=1)
    data.clips[:] = 0.5 + 0.4 * np.sin(noise / 30)
    return data


def error_of(pca, data: Dataset):
    """Return the mean square error over all recordings."""
    return np.mean([np.mean((pca.reconstruct(data.frames(i)) - data.frames(i)) ** 2) for i in range(len(data.names))])


# Round trips


def test_reconstruct_all_components_is_the_identity(data):
    pca = fit(data, np.arange(12), FRAMES_PER_LATENT, ALL)
    for i in range(12):
        frames = data.frames(i)
        assert pca.reconstruct(frames).shape == frames.shape
        assert pca.reconstruct(frames) == pytest.approx(frames, abs=1e-4)


@given(n_frames=st.integers(1, 40), frames_per_latent=st.sampled_from([1, 2, 8]), shift=st.integers(0, 9))
def test_to_blocks_any_length_round_trip(n_frames, frames_per_latent, shift):
    frames = np.random.default_rng(0).random((N_MELS, n_frames)) + 1
    blocks = to_blocks(frames, frames_per_latent, shift)
    assert blocks.shape == (-(-(n_frames + shift) // frames_per_latent), frames_per_latent * N_MELS)
    frames_again = blocks.reshape(-1, N_MELS).T
    assert not frames_again[:, :shift].any()
    assert np.array_equal(frames_again[:, shift : shift + n_frames], frames)
    assert not frames_again[:, shift + n_frames :].any()


# Closed form


def test_reconstruct_two_patterns_need_two_components():
    """Two values reconstruct frames that are the mean plus any mixture of two patterns."""
    rng = np.random.default_rng(0)
    data = make_dataset(["a", "b"], [64, 96], features=TINY)
    patterns = rng.normal(size=(2, N_MELS))
    data.clips[:, :, :, 0] = 0.5 + 0.1 * np.einsum(
        "km,nfk->nmf", patterns, rng.uniform(-1, 1, (len(data.clips), 32, 2))
    )
    pca = fit(data, np.arange(2), 1, 2)
    assert error_of(pca, data) < 1e-9
    assert error_of(fit(data, np.arange(2), 1, 1), data) > 1e-4


def test_fit_latent_is_whitened(data):
    """The network's start relies on latents of unit variance and mean zero."""
    pca = fit(data, np.arange(12), FRAMES_PER_LATENT, 40)
    blocks = np.concatenate(
        [to_blocks(data.frames(i), FRAMES_PER_LATENT, shift=i % FRAMES_PER_LATENT) for i in range(12)]
    )
    latent = (blocks - pca.offset) @ pca.encode
    assert latent.mean(axis=0) == pytest.approx(np.zeros(40), abs=1e-3)
    assert np.cov(latent.T, bias=True) == pytest.approx(np.eye(40), abs=0.01)


def test_fit_corpus_without_variance_is_finite():
    data = make_dataset(["a"], [64])
    data.clips[:] = 0.25
    pca = fit(data, np.arange(1), 1, 8)
    assert np.isfinite(pca.encode).all()
    assert pca.reconstruct(data.frames(0)) == pytest.approx(data.frames(0), abs=1e-6)


def test_reconstruct_far_latent_stays_in_range(data):
    pca = fit(data, np.arange(12), FRAMES_PER_LATENT, 1)
    far_out = pca.offset + 10 * pca.decode[0] / np.abs(pca.decode[0]).max()
    output = pca.reconstruct(far_out.reshape(FRAMES_PER_LATENT, N_MELS).T)
    assert output.min() >= 0
    assert output.max() == 1


# References


@pytest.mark.parametrize("latent_size", [1, 5, 20, 50])
def test_fit_equals_scikit_learn(data, latent_size):
    blocks = [to_blocks(data.frames(i), FRAMES_PER_LATENT, shift=i % FRAMES_PER_LATENT) for i in range(12)]
    reference = sklearn.decomposition.PCA(latent_size).fit(np.concatenate(blocks))
    pca = fit(data, np.arange(12), FRAMES_PER_LATENT, latent_size)
    assert pca.encode.shape == (ALL, latent_size)
    assert pca.decode.shape == (latent_size, ALL)
    for block in blocks:
        ours = (block - pca.offset) @ pca.encode @ pca.decode + pca.offset
        assert ours == pytest.approx(reference.inverse_transform(reference.transform(block)), abs=2e-3)
    expected = np.mean([np.mean((reference.inverse_transform(reference.transform(b)) - b) ** 2) for b in blocks])
    error = np.mean([np.mean(((b - pca.offset) @ pca.encode @ pca.decode + pca.offset - b) ** 2) for b in blocks])
    assert error == pytest.approx(expected, rel=1e-3)


def test_fit_more_components_have_less_error(data):
    errors = [error_of(fit(data, np.arange(12), FRAMES_PER_LATENT, size), data) for size in (1, 2, 4, 8, 16, 32, ALL)]
    assert all(error > 1.1 * following for error, following in pairwise(errors))


def test_fit_many_recordings_are_gathered_in_parts():
    """These are more than are held at once; each contributes to the mean."""
    n_frames = [1 + i % 7 for i in range(1_200)]
    data = make_dataset([str(i) for i in range(1_200)], n_frames)
    blocks = np.concatenate([to_blocks(data.frames(i), 2, shift=i % 2) for i in range(1_200)]).astype(np.float64)
    pca = fit(data, np.arange(1_200), 2, 3)
    assert pca.offset == pytest.approx(blocks.mean(axis=0), abs=1e-6)
    variances = np.linalg.eigvalsh(np.cov(blocks.T, bias=True))[::-1][:3]
    assert (pca.decode**2).sum(axis=1) == pytest.approx(variances, rel=1e-4)


def test_fit_long_recordings_are_gathered_in_parts(data, monkeypatch):
    """However long recordings are, few blocks are held in double precision at once."""
    whole = fit(data, np.arange(12), FRAMES_PER_LATENT, 8)
    sizes = []
    monkeypatch.setattr("speech_autoencoder.model.pca._BLOCKS_AT_ONCE", 7)
    monkeypatch.setattr(np, "concatenate", lambda parts: (sizes.append(sum(map(len, parts))), np.vstack(parts))[1])
    in_parts = fit(data, np.arange(12), FRAMES_PER_LATENT, 8)
    np.testing.assert_allclose(in_parts.offset, whole.offset, atol=1e-6)
    np.testing.assert_allclose(np.abs(in_parts.encode), np.abs(whole.encode), rtol=1e-3, atol=1e-4)
    assert max(sizes) < 7 + 32  # the longest recording has 31 blocks


def test_fit_large_corpus_is_sampled(data, monkeypatch):
    """The work is bounded: every third recording is used."""
    monkeypatch.setattr("speech_autoencoder.model.pca._MAX_FRAMES", data.n_frames.sum() // 3)
    sampled = fit(data, np.arange(12), FRAMES_PER_LATENT, 8)
    whole_start = [to_blocks(data.frames(i), FRAMES_PER_LATENT, shift=n % 4) for n, i in enumerate([0, 3, 6, 9])]
    assert sampled.offset == pytest.approx(np.concatenate(whole_start).mean(axis=0), abs=1e-6)


def test_fit_uses_only_the_given_recordings(data):
    chosen = np.array([0, 6, 10])
    alone = make_dataset(["0", "6", "10"], [97, 120, 100])
    for number, i in enumerate(chosen):
        rows = slice(alone.first_row[number], alone.first_row[number + 1])
        alone.clips[rows] = data.clips[data.first_row[i] : data.first_row[i + 1]]
    of_some, of_alone = (fit(d, r, FRAMES_PER_LATENT, 8) for d, r in ((data, chosen), (alone, np.arange(3))))
    assert np.array_equal(of_some.offset, of_alone.offset)
    assert np.array_equal(of_some.encode, of_alone.encode)
    assert not np.allclose(of_some.offset, fit(data, np.arange(12), FRAMES_PER_LATENT, 8).offset)
