"""Nearly identical recordings are found however their files were made; others of the same voice are not copies."""

import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import soundfile as sf
import soxr

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import CLASSIC, LatentSearchConfig
from speech_autoencoder.data.audio_list import read_audio_list
from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import load
from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.evaluation import leakage
from tests.helpers.arrays import array_of
from tests.helpers.common import ROOT, make_dataset, make_speech

SR = 16_000


def as_mp3(sound, sr):
    """Return the sound after it was an MP3."""
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
def test_compare_copy_is_found_however_it_was_made(training, recordings, tmp_path, how):
    testing = array_of({"carlo/copy.wav": COPIES[how](recordings[7])}, tmp_path)
    shared = leakage.compare_with_training(training, testing)
    assert shared.n_leaked == 1
    assert (shared.pairs[0].testing, shared.pairs[0].training) == ("carlo/copy.wav", "carlo/7.wav")
    assert 0.95 <= shared.pairs[0].correlation <= 1


def test_compare_other_recordings_of_the_same_voice_are_not_copies(training, recordings, tmp_path):
    testing = array_of({f"carlo/{i}.wav": (sound, SR) for i, sound in enumerate(recordings[16:])}, tmp_path)
    shared = leakage.compare_with_training(training, testing)
    assert (shared.n_leaked, shared.pairs) == (0, [])
    assert (shared.n_testing, shared.n_training) == (8, 16)
    assert shared.training_minutes == pytest.approx(sum(map(len, recordings[:16])) / SR / 60)


def test_compare_another_take_with_the_same_spectra_is_not_a_copy(tmp_path):
    # As short words of one voice are; here, noise in one and the same envelope.
    rng, envelope = np.random.default_rng(0), np.repeat(np.random.default_rng(1).uniform(0.1, 1, 20), SR // 20)
    takes = [soxr.resample(rng.standard_normal(SR // 2), SR // 2, SR) * envelope * 0.1 for _ in range(2)]
    sides = [array_of({f"ann/{i}.wav": (take, SR)}, tmp_path / str(i)) for i, take in enumerate(takes)]
    sounds = [leakage._audible(side.frames(0), side.features.range_db) for side in sides]
    assert leakage.similarity(*sounds) > 0.95
    assert leakage.compare_with_training(*sides).n_leaked == 0
    assert leakage.compare_with_training(sides[0], sides[0]).n_leaked == 1


@pytest.mark.parametrize("missing", ["training", "testing"])
def test_compare_copy_whose_recordings_are_gone_is_not_claimed(recordings, tmp_path, missing):
    sides = {name: array_of({f"{name}.wav": (recordings[0], SR)}, tmp_path / name) for name in ("training", "testing")}
    assert leakage.compare_with_training(**sides).n_leaked == 1
    sides[missing].path(0).unlink()
    shared = leakage.compare_with_training(**sides)
    assert (shared.n_leaked, shared.pairs, shared.n_unsure) == (0, [], 1)
    sf.write(sides[missing].path(0), make_speech(len(recordings[0]), SR), SR)
    shared = leakage.compare_with_training(**sides)
    assert (shared.n_leaked, shared.pairs, shared.n_unsure) == (0, [], 1)


def test_compare_part_of_a_file_that_training_has_too_is_found_wherever_it_begins(tmp_path):
    sf.write(tmp_path / "talk.wav", make_speech(20 * SR, SR), SR)
    times = {"training": [(0, 4), (10, 15)], "testing": [(5, 9), (11, 12), (13, 19), (8, 11)]}
    sides = {}
    for side, spans in times.items():
        rows = "".join(f"talk.wav,{start},{end}\n" for start, end in spans)
        (tmp_path / f"{side}.csv").write_text(f"path,start,end\n{rows}")
        recordings = read_audio_list(tmp_path / f"{side}.csv").recordings
        build(recordings, tmp_path / f"{side}.npy", CLASSIC, workers=1)
        sides[side] = load(tmp_path / f"{side}.npy", "")
    shared = leakage.compare_with_training(**sides)
    assert [(pair.testing, pair.training) for pair in shared.pairs] == [
        ("talk.wav 11.00-12.00 s", "talk.wav 10.00-15.00 s"),
    ]


def test_compare_speakers_are_counted_as_names_were_understood(training, tmp_path):
    testing = array_of({f"{who}/1.wav": (make_speech(SR, SR), SR) for who in ("ann", "carlo")}, tmp_path)
    sides = [replace(side, understood=understand(side.names, "{speaker}/*")) for side in (training, testing)]
    shared = leakage.compare_with_training(*sides)
    assert (shared.n_speakers, shared.n_known_speakers) == (2, 1)


def test_compare_is_json_and_silence_is_not_a_copy_of_silence(tmp_path):
    sounds = {"a.wav": (np.zeros(SR), SR), "b.wav": (0.1 * np.ones(300), SR)}
    silent = array_of(sounds, tmp_path)
    shared = leakage.compare_with_training(silent, silent)
    assert json.loads(json.dumps(asdict(shared), allow_nan=False)) == asdict(shared)
    assert shared.n_leaked == 0


def test_compare_any_number_of_bands_and_frames():
    data = make_dataset(["1_a_1.wav", "2_a_2.wav", "3_b_3.wav"], [1, 40, 3_000])
    assert leakage.compare_with_training(data, data).n_unsure == 2  # one frame is too little to tell


def test_compare_with_a_model_has_its_errors_on_both(small_arrays, shaken):
    training, testing = small_arrays
    encoder = Encoder(shaken, LatentSearchConfig())
    shared = leakage.compare_with_training(training, testing, encoder)
    assert shared.training_db > 0
    assert shared.testing_db > 0
    assert leakage.compare_with_training(training, testing).training_db is None


@pytest.mark.parametrize("at_once", [1, 7, 1_000])
def test_nearest_is_what_comparing_each_with_all_finds(monkeypatch, at_once):
    monkeypatch.setattr(leakage, "_TESTING_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    training, testing = rng.normal(size=(200, 12)).round(1), rng.normal(size=(30, 12)).round(1)
    training[150:] = training[:50]  # ties, of which the first come first
    nearest = leakage._Nearest(testing)
    for first in range(0, 200, at_once):
        nearest.add(first, training[first : first + at_once])
    for i, spectrum in enumerate(testing):
        expected = np.argsort(((training - spectrum) ** 2).sum(axis=1), kind="stable")[: leakage._N_CANDIDATES]
        assert nearest.candidates(i) == expected.tolist()


def test_nearest_of_many_equal_ones_is_some_of_them():
    nearest = leakage._Nearest(np.zeros((1, 3)))
    nearest.add(0, np.concatenate([np.ones((50, 3)), np.zeros((500, 3))]))
    assert len(set(nearest.candidates(0))) == leakage._N_CANDIDATES
    assert min(nearest.candidates(0)) >= 50


def test_compare_some_of_training_at_a_time_finds_the_same(training, recordings, tmp_path, monkeypatch):
    testing = array_of({f"carlo/{i}.wav": (recordings[i], SR) for i in (3, 11, 20)}, tmp_path)
    expected, steps = leakage.compare_with_training(training, testing), []
    monkeypatch.setattr(leakage, "_TRAINING_AT_ONCE", 5)
    monkeypatch.setattr(leakage, "_FRAMES_AT_ONCE", 50)

    def progress(items, total):
        for item in items:
            steps.append((item, total))
            yield item

    assert leakage.compare_with_training(training, testing, None, progress) == expected
    assert expected.n_leaked == 2
    assert steps == [(i, 7) for i in range(7)]


def test_compare_reads_no_more_of_a_long_recording_than_it_compares(monkeypatch):
    data, read = make_dataset(["1_a_1.wav", "2_b_1.wav"], [40, 5_000]), []

    class Watched(np.ndarray):
        def __getitem__(self, rows):
            read.append(rows)
            return np.asarray(self)[rows]

    watched = replace(data, clips=data.clips.view(Watched))
    assert leakage.compare_with_training(watched, watched) == leakage.compare_with_training(data, data)
    frames = [(rows.stop - rows.start) * data.features.n_frames for rows in read]
    assert max(frames) == leakage._MOST_FRAMES
