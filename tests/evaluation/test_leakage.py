"""Near-identical recordings are found however their files were made; others of the same voice are no copies."""

import io
import json

import numpy as np
import pytest
import soundfile as sf
import soxr

from speech_autoencoder.evaluation import leakage
from tests.helpers.arrays import array_of
from tests.helpers.common import ROOT, make_dataset, make_speech

SR = 16_000


def as_mp3(sound, sr):
    """The sound after it was an MP3."""
    if "MP3" not in sf.available_formats():
        pytest.skip("this libsndfile writes no MP3")
    file = io.BytesIO()
    sf.write(file, sound, sr, format="MP3")
    return sf.read(io.BytesIO(file.getvalue()))[0]


COPIES = {
    "the same file": lambda sound: (sound, SR),
    "10 dB quieter": lambda sound: (sound * 0.3, SR),
    "cut by 50 ms": lambda sound: (sound[SR // 20 :], SR),
    "half a frame later": lambda sound: (sound[int(SR * 256 / 22_050) :], SR),
    "as MP3": lambda sound: (as_mp3(sound, SR), SR),
    "with noise": lambda sound: (
        sound + np.random.default_rng(0).standard_normal(len(sound)) * sound.std() * 10 ** (-30 / 20),
        SR,
    ),
    "at another rate": lambda sound: (soxr.resample(sound, SR, 44_100), 44_100),
}


@pytest.fixture(scope="module")
def recordings():
    """Waveforms of one voice, of the project's own recordings."""
    paths = sorted((ROOT / "speechdata" / "training" / "it-carlo").iterdir())
    return [sf.read(path)[0] for path in paths[:24]]


@pytest.fixture(scope="module")
def training(recordings, tmp_path_factory):
    sounds = {f"carlo/{i}.wav": (sound, SR) for i, sound in enumerate(recordings[:16])}
    return array_of(sounds, tmp_path_factory.mktemp("training"))


@pytest.mark.parametrize("how", COPIES)
def test_find_copy_is_found_however_it_was_made(training, recordings, tmp_path, how):
    testing = array_of({"carlo/copy.wav": COPIES[how](recordings[7])}, tmp_path)
    facts = leakage.find(training, testing)
    assert facts["n_leaked"] == 1
    assert facts["pairs"][0][:2] == ["carlo/copy.wav", "carlo/7.wav"]
    assert 0.95 <= facts["pairs"][0][2] <= 1


def test_find_other_recordings_of_the_same_voice_are_no_copies(training, recordings, tmp_path):
    testing = array_of({f"carlo/{i}.wav": (sound, SR) for i, sound in enumerate(recordings[16:])}, tmp_path)
    facts = leakage.find(training, testing)
    assert (facts["n_leaked"], facts["pairs"]) == (0, [])
    assert (facts["n_testing"], facts["n_training"]) == (8, 16)
    assert (facts["n_speakers"], facts["n_known_speakers"]) == (1, 1)
    assert facts["training_minutes"] == pytest.approx(sum(map(len, recordings[:16])) / SR / 60)


def test_find_another_take_whose_spectra_are_the_same_is_no_copy(tmp_path):
    """As short words of one voice are: here, noise in one and the same envelope."""
    rng, envelope = np.random.default_rng(0), np.repeat(np.random.default_rng(1).uniform(0.1, 1, 20), SR // 20)
    takes = [soxr.resample(rng.standard_normal(SR // 2), SR // 2, SR) * envelope * 0.1 for _ in range(2)]
    sides = [array_of({f"ann/{i}.wav": (take, SR)}, tmp_path / str(i)) for i, take in enumerate(takes)]
    sounds = [leakage._loud(side.frames(0), side.features.range_db) for side in sides]
    assert leakage.similarity(*sounds) > 0.95
    assert leakage.find(*sides)["n_leaked"] == 0
    assert leakage.find(sides[0], sides[0])["n_leaked"] == 1


def test_find_speakers_that_were_never_heard_are_counted(training, tmp_path):
    testing = array_of({"ann/1.wav": (make_speech(SR, SR), SR)}, tmp_path)
    facts = leakage.find(training, testing)
    assert (facts["n_speakers"], facts["n_known_speakers"]) == (1, 0)


def test_find_is_json_and_silence_is_no_copy_of_silence(tmp_path):
    sounds = {"a.wav": (np.zeros(SR), SR), "b.wav": (0.1 * np.ones(300), SR)}
    silent = array_of(sounds, tmp_path)
    facts = leakage.find(silent, silent)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["n_leaked"] == 0


def test_find_any_count_of_bands_and_frames():
    data = make_dataset(["1_a_1.wav", "2_a_2.wav", "3_b_3.wav"], [1, 40, 3_000])
    assert leakage.find(data, data)["n_leaked"] == 2  # one frame is too little to say
