"""Segments scored by an engine's workers: the measurements of threads, whatever is lost on the way."""

from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest

from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.engines.engine import open_engine
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import evaluation, scoring_by_engine
from speech_autoencoder.evaluation.metrics.recognition import SPEAKERS, WORDS
from speech_autoencoder.evaluation.recognition.recogniser import Recognition
from speech_autoencoder.evaluation.recognition.speakers import SpeakerRecogniser
from speech_autoencoder.evaluation.results import LeftOut
from speech_autoencoder.evaluation.scoring_by_engine import ScorerReference, require_same, score_by_engine
from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.model.model_reference import ModelReference
from tests.helpers.arrays import array_of
from tests.helpers.common import make_speech, one_line_of
from tests.helpers.inline_engine import InlineEngine

SR = 22_050
SEARCH, INVERSION = LatentSearchConfig(steps=2), InversionConfig(griffin_lim_rounds=2)


class Listener:
    """A recogniser that goes by features alone, as a network does."""

    name, labels, n_training = "listener", ["one", "two"], 16

    def recognise(self, waveforms, *, sr):
        from speech_autoencoder.audio.word_features import word_features

        return self.recognise_features(np.array([word_features(waveform, sr=sr) for waveform in waveforms]))

    def recognise_features(self, inputs):
        return ["one" if each.mean() > 0.4 else "two" for each in inputs]


# One that workers run themselves; its answers do not matter.
SPEAKER_RECOGNISER = SpeakerRecogniser(np.eye(2, 96), np.zeros(2), ["al", "jo"], 16)


@pytest.fixture(scope="module")
def testing(tmp_path_factory):
    """Return a Dataset of two segments, and a recording that is too short for one; one recording is gone."""
    lengths = {f"{word}_{who}_0.wav": 0.5 for word in ("one", "two") for who in ("jo", "al")} | {"one_jo_1.wav": 0.4}
    sounds = {
        name: (make_speech(int(SR * seconds), SR, seed), SR)
        for seed, (name, seconds) in enumerate((lengths | {"one_kim_0.wav": 0.2}).items())
    }
    folder = tmp_path_factory.mktemp("testing")
    data = array_of(sounds, folder)
    (folder / "audio" / "two_al_0.wav").unlink()
    return data, folder / "data.npy"


@pytest.fixture(scope="module")
def measure(testing):
    """Return a function of an engine, or None for threads, that returns the measurements as data."""
    data, array_path = testing
    encoder = Encoder(model_file.load(pretrained.PATH), SEARCH)

    def do(engine, **changes):
        model = ModelReference.of(pretrained.PATH)
        refer = partial(ScorerReference.of, array_path=array_path, model=model, other=model)
        score = partial(score_by_engine, engine=engine, reference=lambda s: replace(refer(s), **changes))
        with blas_threads(1):
            return asdict(
                evaluation.evaluate(
                    data,
                    encoder,
                    INVERSION,
                    workers=2,
                    score=score if engine else None,
                    other=encoder,
                    other_path="other.h5",
                    recognitions=[
                        Recognition(WORDS.key, Listener(), dict(zip(data.names, data.labels(), strict=True))),
                        Recognition(
                            SPEAKERS.key, SPEAKER_RECOGNISER, dict(zip(data.names, data.speakers(), strict=True))
                        ),
                    ],
                )
            )

    return do


@pytest.fixture(scope="module")
def expected(measure):
    """Return what threads measure."""
    return measure(None)


def test_score_by_engine_is_what_threads_measure(measure, expected):
    assert measure(InlineEngine()) == expected
    assert (expected["words"]["n_recordings"], expected["n_segments"]) == (5, 2)
    assert expected["speakers"]["n_recordings"] == 4
    assert [entry["path"] for entry in expected["left_out"]] == ["one_kim_0.wav", "two_al_0.wav"]


def test_score_by_engine_on_a_cluster_is_what_threads_measure(on_cluster, measure, expected):
    with open_engine("dask", workers=1, say=print) as engine:
        assert measure(engine) == expected


def test_score_by_engine_recording_that_ends_its_process_is_left_out_and_named(measure, expected, testing):
    data, _ = testing
    killer = data.names.index("one_jo_1.wav")
    found = measure(InlineEngine(lambda item: killer in item.recordings))
    assert LeftOut("one_jo_1.wav", "it crashed") in [LeftOut(**entry) for entry in found["left_out"]]
    assert found["n_scored"] == expected["n_scored"] - 1
    assert found["recordings"][killer]["scores"]["stoi"] is None
    others = [i for i in range(len(data.names)) if i != killer]
    for i in others:
        assert found["recordings"][i]["scores"] == expected["recordings"][i]["scores"]
    # A mean over what was scored, not over what is in the array.
    assert found["log_mel_error"]["systems"]["model"]["by_band_db"] == pytest.approx(
        expected["log_mel_error"]["systems"]["model"]["by_band_db"], rel=0.2
    )


def test_score_by_engine_segment_that_only_as_a_whole_ends_its_process_is_left_out(measure, expected, testing):
    found = measure(InlineEngine(lambda item: len(item.recordings) > 1))
    assert found["n_segments"] == 0
    assert {entry["path"] for entry in found["left_out"]} == set(testing[0].names)


def test_score_by_engine_another_array_on_the_worker_is_refused(measure, testing):
    scoring_by_engine._dataset.cache_clear()
    with pytest.raises(InputError) as error:
        measure(InlineEngine(), fingerprint="another")
    text = one_line_of(error)
    assert f"{testing[1]} is another array on" in text


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        ({"pesq": "0.0.4"}, {}, "has pesq not installed, this computer has it 0.0.4"),
        ({}, {"pesq": "0.0.4"}, "has pesq 0.0.4, this computer has it not installed"),
        ({"pystoi": "0.4.1"}, {"pystoi": "0.4.0"}, "has pystoi 0.4.0, this computer has it 0.4.1"),
    ],
)
def test_require_same_other_libraries_on_the_worker_are_refused(here, there, words):
    require_same(here, dict(here))
    with pytest.raises(InputError, match=words):
        require_same(here, there)
