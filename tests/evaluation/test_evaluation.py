"""What is measured of a model: right for known sounds, and the same for any number of threads."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
from speech_autoencoder.evaluation import evaluation
from speech_autoencoder.evaluation.metrics.quality import has_dnsmos, has_pesq, has_visqol
from speech_autoencoder.evaluation.metrics.recognition import SPEAKERS, WORDS
from speech_autoencoder.evaluation.recognition.recogniser import Recognition
from speech_autoencoder.evaluation.results import Coverage
from speech_autoencoder.report import text
from speech_autoencoder.system.isolation import CallFailed
from speech_autoencoder.training.word_recogniser import TrainedRecogniser
from tests.helpers.arrays import array_of

QUICK = InversionConfig(griffin_lim_rounds=8)  # the quality of the phases is tested elsewhere
FEW_STEPS = LatentSearchConfig(steps=4)


def evaluate(data, model, **options):
    """Evaluate quickly."""
    return evaluation.evaluate(data, Encoder(model, FEW_STEPS), QUICK, **{"workers": 2} | options)


@pytest.fixture(scope="module")
def testing(small_arrays):
    return small_arrays[1]


@pytest.fixture(scope="module")
def result(testing, shaken):
    """Return the measurements of a network that is far from PCA."""
    return evaluate(testing, shaken)


def test_evaluate_counts_every_recording_once(result, testing):
    assert result.n_recordings == len(testing.names)
    assert result.n_scored + len(result.left_out) == len(testing.names)
    assert [recording.path for recording in result.recordings] == testing.names
    assert 0 < result.n_segments <= result.n_scored


def test_evaluate_scores_every_system_with_every_metric(result):
    wanted = {"log_mel_db", "mcd_db", "level_db", "stoi", "estoi"}
    wanted |= {"f0_cents", "gross_pitch_error", "voicing_error", "f0_frame_error"}
    wanted |= {"pesq_nb", "pesq_wb"} if has_pesq() else set()
    wanted |= {"visqol"} if has_visqol() else set()
    wanted |= {"dnsmos"} if has_dnsmos() else set()
    assert set(result.scores) == {"model", "pca", "copy_synthesis"}
    for scores in result.scores.values():
        assert set(scores) == wanted
    assert set(result.originals.scores) == set(result.originals.intervals) == wanted & {"dnsmos"}


def test_evaluate_result_is_json_without_nan(result):
    assert json.loads(json.dumps(asdict(result), allow_nan=False)) == asdict(result)


def test_evaluate_each_recording_has_its_own_scores_and_a_segment(result, testing):
    for entry, duration_s, speaker in zip(
        result.recordings, testing.n_samples / testing.sr, testing.speakers(), strict=True
    ):
        assert entry.duration_s == pytest.approx(duration_s)
        assert entry.speaker == speaker
        assert -40 < entry.scores["level_db"] < 40
        assert entry.scores["stoi"] is None or -1 < entry.scores["stoi"] <= 1
        segment = result.segments[entry.segment]
        assert segment.speaker == speaker
        for scores in segment.scores.values():
            assert -1 < scores["stoi"] <= 1
    assert len(result.segments) == result.n_segments
    assert sum(segment.n_recordings for segment in result.segments) == result.n_scored
    assert any(entry.scores["stoi"] for entry in result.recordings)


def test_evaluate_copy_synthesis_has_no_log_mel_error_and_is_best(result):
    scores = result.scores
    assert scores["copy_synthesis"]["log_mel_db"] == 0
    for metric in ("stoi", "estoi"):
        assert 0.5 < scores["copy_synthesis"][metric] <= 1
        assert scores["copy_synthesis"][metric] > scores["pca"][metric]
        assert scores["copy_synthesis"][metric] > scores["model"][metric]


def test_evaluate_log_mel_error_is_over_all_frames_of_all_recordings(result, testing, shaken):
    squares, n_frames = {"model": 0.0, "pca": 0.0}, 0
    for i, entry in enumerate(result.recordings):
        frames = testing.frames(i)
        seen = np.concatenate([frames, testing.frames_between(i, testing.read(i))])
        outputs = {
            "model": reconstruct(Encoder(shaken, FEW_STEPS), seen),
            "pca": shaken.baseline.reconstruct(frames),
        }
        for system, output in outputs.items():
            squares[system] += ((output - frames) ** 2).mean(axis=0).sum()
        n_frames += frames.shape[1]
        error = np.sqrt(((outputs["model"] - frames) ** 2).mean()) * CLASSIC.range_db
        assert entry.scores["log_mel_db"] == pytest.approx(error, rel=1e-4)
    for system, total in squares.items():
        expected = np.sqrt(total / n_frames) * CLASSIC.range_db
        assert result.scores[system]["log_mel_db"] == pytest.approx(expected, rel=1e-4)
    assert result.scores["model"]["log_mel_db"] != pytest.approx(result.scores["pca"]["log_mel_db"], rel=0.01)


def test_evaluate_twice_gives_the_same_numbers(result, testing, shaken):
    assert evaluate(testing, shaken) == result


def test_evaluate_one_worker_gives_the_same_numbers(result, testing, shaken):
    assert evaluate(testing, shaken, workers=1) == result


def test_evaluate_progress_counts_the_segments(testing, trained):
    totals = []

    def progress(items, total):
        totals.append(total)
        return items

    result = evaluate(testing, trained[0].model, progress=progress)
    assert totals == [result.n_segments]


def test_evaluate_missing_recording_is_counted_and_named(small_speechdata, trained, tmp_path):
    sounds = {}
    for path in sorted((small_speechdata / "testing").rglob("*.flac")):
        sounds[path.name.replace(".flac", ".wav")], sr = sf.read(path)
    data = array_of({name: (sound, sr) for name, sound in sounds.items()}, tmp_path)
    gone, changed = data.names[0], data.names[1]
    (tmp_path / "audio" / gone).unlink()
    sf.write(tmp_path / "audio" / changed, np.zeros(5_000), sr)
    result = evaluate(data, trained[0].model)
    reasons = {entry.path: entry.reason for entry in result.left_out}
    assert gone in reasons[gone]
    assert "has changed" in reasons[changed]
    assert result.n_scored == len(data.names) - len(reasons)
    assert result.n_recordings == len(data.names)
    assert result.scores["copy_synthesis"]["stoi"] > 0.5


def test_evaluate_no_recording_on_disk_still_has_log_mel_error(testing, trained, result, tmp_path):
    moved = replace(testing, audio_dir=tmp_path)
    gone = evaluate(moved, trained[0].model)
    assert gone.n_scored == gone.n_segments == 0
    assert len(gone.left_out) == len(testing.names)
    assert gone.scores["pca"]["log_mel_db"] == result.scores["pca"]["log_mel_db"]
    assert len(text.format_table(gone.scores).splitlines()) == 2


def test_evaluate_short_recordings_are_pooled_never_scored_as_zero(small_speechdata, trained, tmp_path):
    path = next((small_speechdata / "testing").rglob("*70_allison*.flac"))
    sound, sr = sf.read(path)
    pieces = np.array_split(sound, 6)
    assert len(pieces[0]) < 0.2 * sr
    sounds = {f"{i}_ann_{i}.wav": piece for i, piece in enumerate(pieces)}
    sounds["0_bob_0.wav"] = pieces[2]
    data = array_of({name: (sound, sr) for name, sound in sounds.items()}, tmp_path)
    result = evaluate(data, trained[0].model)
    assert (result.n_scored, result.n_segments) == (6, 1)
    assert [entry.path for entry in result.left_out] == ["0_bob_0.wav"]
    for entry in result.recordings:
        assert entry.scores["stoi"] is None
        assert np.isfinite(entry.scores["level_db"])
        assert entry.segment == (None if entry.path == "0_bob_0.wav" else 0)
    assert "short" in result.left_out[0].reason
    assert result.scores["copy_synthesis"]["stoi"] > 0.5


def test_evaluate_silence_is_not_scored(small_speechdata, trained, tmp_path):
    # Silence has no intelligibility: it must count neither as zero nor as perfect, nor stop the rest.
    path = next((small_speechdata / "testing").rglob("*70_allison*.flac"))
    sound, sr = sf.read(path)
    alone = array_of({"0_ann_0.wav": (sound, sr)}, tmp_path / "alone")
    both = array_of({"0_ann_0.wav": (sound, sr), "0_bob_0.wav": (np.zeros(sr), sr)}, tmp_path / "both")
    model = trained[0].model
    scores, expected = evaluate(both, model).scores, evaluate(alone, model).scores
    for metric in expected["model"]:
        if metric != "log_mel_db":
            assert scores["model"][metric] == pytest.approx(expected["model"][metric])


def test_evaluate_silence_is_left_out_and_named(trained, tmp_path):
    result = evaluate(array_of({"a.wav": (np.zeros(20_000), 16_000)}, tmp_path), trained[0].model)
    assert (result.n_scored, result.n_segments) == (0, 0)
    assert "a.wav is silent" in result.left_out[0].reason
    assert [result.recordings[0].scores[key] for key in ("stoi", "level_db")] == [None] * 2
    assert result.recordings[0].segment is None
    assert set(result.scores["model"]) == {"log_mel_db"}
    assert result.scores["model"]["log_mel_db"] < 2


def test_evaluate_beside_itself_shows_no_difference(testing, shaken, result):
    encoder = Encoder(shaken, FEW_STEPS)
    both = evaluation.evaluate(testing, encoder, QUICK, workers=2, other=encoder, other_path="other.h5")
    comparison = both.comparison
    assert replace(both, comparison=None) == result
    assert comparison.path == "other.h5"
    assert comparison.scores == result.scores["model"]
    for entry in comparison.differences.values():
        assert entry.difference == 0
        assert entry.shows in ("no difference", "unknown")
    lines = text.describe_comparison(comparison, "other.h5")
    assert "other.h5" in lines[0]


def test_evaluate_recognised_words_are_counted(testing, trained):
    class Constant:
        def __call__(self, inputs, training):
            return np.tile([1.0, 0.0], (len(inputs), 1))

    labels = dict.fromkeys(testing.names, "one") | {testing.names[0]: "two", testing.names[1]: "three"}
    words = Recognition(WORDS.key, TrainedRecogniser(Constant(), ["one", "two"], 20), labels)
    result = evaluate(testing, trained[0].model, recognitions=[words], labels=labels)
    n = len(testing.names) - 1
    assert result.words.n_recordings == result.coverage["words"].n == n
    assert result.words.original_accuracy == pytest.approx((n - 1) / n)
    assert result.speakers is None
    assert result.originals.scores["words"] == result.words.original_accuracy
    for system in ("model", "pca", "copy_synthesis"):
        assert result.scores[system]["words"] == pytest.approx((n - 1) / n)
        assert result.words.confusion[system] == [[n - 1, 0], [1, 0]]
    assert text.describe_recognition("word", result.words).startswith("A recogniser of 2 words, trained on 20 original")
    assert json.loads(json.dumps(asdict(result), allow_nan=False)) == asdict(result)


def test_evaluate_words_that_are_not_recognised_have_a_column(testing, trained):
    class Half:
        """Recognises the word in the first sound that it is given, the original, and nothing in the others."""

        name, labels, n_training = "borrowed", ["one", "two"], 0

        def recognise(self, waveforms, *, sr):
            return ["one"] + [""] * (len(waveforms) - 1)

    labels = dict.fromkeys(testing.names, "one")
    words = evaluate(testing, trained[0].model, recognitions=[Recognition(WORDS.key, Half(), labels)]).words
    n = len(testing.names)
    assert (words.recogniser, words.recognised, words.original_accuracy) == ("borrowed", ["one", "two", ""], 1)
    assert words.confusion["original"] == [[n, 0, 0], [0, 0, 0]]
    assert words.confusion["model"] == [[0, 0, n], [0, 0, 0]]
    assert text.describe_recognition("word", words) == (
        f"With a choice of 2 words, borrowed recognises 1.000 of {n} original testing recordings."
    )


@pytest.mark.parametrize("call", [1, 2], ids=["always", "on some systems"])
def test_evaluate_metric_whose_package_crashes_is_missing_with_the_reason(call, testing, trained, result, stub):
    # A segment is lost to all systems alike: otherwise they would be compared on different segments.
    stub(
        "pesq",
        "import os\ncalls = []\nPesqError = ValueError\n"
        f"def pesq(*arguments):\n    calls.append(1)\n    return os.abort() if len(calls) == {call} else 2.0",
    )
    found = evaluate(testing, trained[0].model)
    assert found.coverage["pesq_nb"] == Coverage("segments", 0, found.n_segments, "pesq crashed: aborted")
    for scores in (*found.scores.values(), *(scores for entry in found.segments for scores in entry.scores.values())):
        assert scores["pesq_nb"] is None
    assert found.scores["copy_synthesis"]["stoi"] == result.scores["copy_synthesis"]["stoi"]
    said = f"PESQ-NB, on 0 of {found.n_segments:,} segments (pesq crashed: aborted)"
    assert said in text.describe_intervals(found)
    assert "PESQ-NB" in text.format_table(found.scores)
    assert json.loads(json.dumps(asdict(found), allow_nan=False)) == asdict(found)


def test_evaluate_recognised_speakers_are_counted_beside_words(testing, trained):
    class Deaf:
        """Recognises a speaker in the first sound that it is given, the original, and nobody in the others."""

        name, n_training = "deaf", 16

        def __init__(self, labels):
            self.labels = labels

        def recognise(self, waveforms, *, sr):
            return [self.labels[0]] + [""] * (len(waveforms) - 1)

    speakers = dict(zip(testing.names, testing.speakers(), strict=True)) | {testing.names[0]: "a stranger"}
    first = testing.speakers()[1]
    recognitions = [
        Recognition(WORDS.key, Deaf(["one", "two"]), dict.fromkeys(testing.names, "one")),
        Recognition(SPEAKERS.key, Deaf([first, "nobody"]), speakers),
    ]
    found = evaluate(testing, trained[0].model, recognitions=recognitions)
    n = sum(speaker == first for speaker in speakers.values())
    assert (found.words.n_recordings, found.speakers.n_recordings) == (len(testing.names), n)
    assert found.coverage["speakers"].n == n
    assert found.originals.scores["speakers"] == found.originals.scores["words"] == 1
    for system in ("model", "pca", "copy_synthesis"):
        assert found.scores[system]["speakers"] == found.scores[system]["words"] == 0
    lines = [line.split() for line in text.format_table(*text.shown(found)).splitlines()]
    assert lines[0][-2:] == ["the", "originals"]
    (row,) = [line for line in lines if line[0] == "speakers"]
    assert [cell for cell in row if cell in ("0.000", "1.000")].count("0.000") >= 3
    assert text.describe_recognition("speaker", found.speakers).startswith("A recogniser of 2 speakers, trained on 16")


def test_evaluate_recogniser_that_crashes_on_a_recording_does_not_count_it(testing, trained):
    class Crashing:
        """Recognises everything but the longest recording."""

        name, labels, n_training = "borrowed", ["one", "two"], 0

        def recognise(self, waveforms, *, sr):
            if len(waveforms[0]) == max(testing.n_samples):
                raise CallFailed("borrowed crashed: aborted")
            return ["one"] * len(waveforms)

    labels = dict.fromkeys(testing.names, "one")
    found = evaluate(testing, trained[0].model, recognitions=[Recognition(WORDS.key, Crashing(), labels)])
    n = len(testing.names)
    assert found.coverage["words"] == Coverage("recordings", n - 1, n, "borrowed crashed: aborted")
    assert found.scores["model"]["words"] == 1
    assert found.words.n_recordings == n - 1


def test_evaluate_log_mel_error_is_told_by_band_and_over_time(result, testing):
    profile = result.log_mel_error
    assert len(profile.band_hz) == CLASSIC.n_mels
    assert set(profile.systems) == {"model", "pca"}
    for system in ("model", "pca"):
        by_band = np.array(profile.systems[system].by_band_db)
        assert np.sqrt((by_band**2).mean()) == pytest.approx(result.scores[system]["log_mel_db"], rel=1e-4)
        assert len(profile.systems[system].over_time_db) == 10
    assert {entry.n_total for entry in result.coverage.values()} == {len(testing.names), result.n_segments}
