import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder import dataset, evaluation, metrics
from speech_autoencoder.config import CLASSIC, EncodingConfig, InversionConfig
from speech_autoencoder.encoding import Encoder
from speech_autoencoder.reconstruction import reconstruct

# Few rounds: how well the phase is found is another module's.
QUICK = InversionConfig(nnls_rounds=8, griffin_lim_rounds=8)
FEW_ROUNDS = EncodingConfig(rounds=4)


def evaluate(data, model, **options):
    """evaluation.evaluate, quickly."""
    return evaluation.evaluate(data, Encoder(model, FEW_ROUNDS), QUICK, **{"workers": 2} | options)


def array_of(sounds, folder, sr=16_000):
    """The Dataset of sounds {name: waveform}, written as recordings to folder."""
    for name, sound in sounds.items():
        (folder / "audio" / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(folder / "audio" / name, sound, sr)
    dataset.build(folder / "audio", folder / "data.npy", CLASSIC, workers=1)
    return dataset.load(folder / "data.npy", "")


@pytest.fixture(scope="module")
def testing(small_arrays):
    return small_arrays[1]


@pytest.fixture(scope="module")
def result(testing, shaken):
    """The scores of a network that is far from PCA."""
    return evaluate(testing, shaken)


def test_evaluate_counts_every_recording_once(result, testing):
    assert result["n_recordings"] == len(testing.names)
    assert result["n_scored"] + len(result["left_out"]) == len(testing.names)
    assert [entry["path"] for entry in result["recordings"]] == testing.names
    assert 0 < result["n_strings"] <= result["n_scored"]


def test_evaluate_scores_every_system_with_every_metric(result):
    wanted = {"log_mel_db", "stoi", "estoi"} | ({"pesq_nb", "pesq_wb"} if metrics.has_pesq() else set())
    assert set(result["scores"]) == {"model", "floor", "ceiling"}
    for scores in result["scores"].values():
        assert set(scores) == wanted


def test_evaluate_result_is_json_without_nan(result):
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_evaluate_each_recording_has_its_own_scores_and_those_of_its_string(result, testing):
    for entry, duration_s, speaker in zip(
        result["recordings"], testing.n_samples / testing.sr, testing.groups(), strict=True
    ):
        assert entry["duration_s"] == pytest.approx(duration_s)
        assert entry["speaker"] == speaker
        assert -40 < entry["level_db"] < 40
        assert entry["stoi"] is None or -1 < entry["stoi"] <= 1
        string = result["strings"][entry["string"]]
        assert string["speaker"] == speaker
        assert -1 < string["stoi"] <= 1
    assert len(result["strings"]) == result["n_strings"]
    assert sum(string["n_recordings"] for string in result["strings"]) == result["n_scored"]
    assert any(entry["stoi"] for entry in result["recordings"])


def test_evaluate_ceiling_has_no_log_mel_error_and_is_heard_best(result):
    scores = result["scores"]
    assert scores["ceiling"]["log_mel_db"] == 0
    for metric in ("stoi", "estoi"):
        assert 0.5 < scores["ceiling"][metric] <= 1
        assert scores["ceiling"][metric] > scores["floor"][metric]
        assert scores["ceiling"][metric] > scores["model"][metric]


def test_evaluate_log_mel_error_is_over_all_frames_of_all_recordings(result, testing, shaken):
    squares, n_frames = {"model": 0.0, "floor": 0.0}, 0
    for i, entry in enumerate(result["recordings"]):
        frames = testing.frames(i)
        outputs = {
            "model": reconstruct(Encoder(shaken, FEW_ROUNDS), frames),
            "floor": shaken.floor.reconstruct(frames),
        }
        for system, output in outputs.items():
            squares[system] += ((output - frames) ** 2).mean(axis=0).sum()
        n_frames += frames.shape[1]
        error = np.sqrt(((outputs["model"] - frames) ** 2).mean()) * CLASSIC.range_db
        assert entry["log_mel_db"] == pytest.approx(error, rel=1e-4)
    for system, total in squares.items():
        expected = np.sqrt(total / n_frames) * CLASSIC.range_db
        assert result["scores"][system]["log_mel_db"] == pytest.approx(expected, rel=1e-4)
    assert result["scores"]["model"]["log_mel_db"] != pytest.approx(result["scores"]["floor"]["log_mel_db"], rel=0.01)


def test_evaluate_twice_gives_the_same_numbers(result, testing, shaken):
    assert evaluate(testing, shaken) == result


def test_evaluate_one_worker_gives_the_same_numbers(result, testing, shaken):
    assert evaluate(testing, shaken, workers=1) == result


def test_evaluate_progress_is_told_the_strings(testing, trained):
    totals = []

    def progress(items, total):
        totals.append(total)
        return items

    result = evaluate(testing, trained[0].model, progress=progress)
    assert totals == [result["n_strings"]]


def test_evaluate_missing_recording_is_counted_and_named(small_speechdata, trained, tmp_path):
    sounds = {}
    for path in sorted((small_speechdata / "testing").rglob("*.flac")):
        sounds[path.name.replace(".flac", ".wav")], sr = sf.read(path)
    data = array_of(sounds, tmp_path, sr)
    gone, changed = data.names[0], data.names[1]
    (tmp_path / "audio" / gone).unlink()
    sf.write(tmp_path / "audio" / changed, np.zeros(5_000), sr)
    result = evaluate(data, trained[0].model)
    reasons = {entry["path"]: entry["reason"] for entry in result["left_out"]}
    assert gone in reasons[gone]
    assert "has changed" in reasons[changed]
    assert result["n_scored"] == len(data.names) - len(reasons)
    assert result["n_recordings"] == len(data.names)
    assert result["scores"]["ceiling"]["stoi"] > 0.5


def test_evaluate_no_recording_on_disk_still_has_log_mel_error(testing, trained, result, tmp_path):
    moved = replace(testing, audio_dir=tmp_path)
    gone = evaluate(moved, trained[0].model)
    assert gone["n_scored"] == gone["n_strings"] == 0
    assert len(gone["left_out"]) == len(testing.names)
    assert gone["scores"]["floor"]["log_mel_db"] == result["scores"]["floor"]["log_mel_db"]
    assert len(evaluation.format_table(gone["scores"]).splitlines()) == 4


def test_evaluate_short_recordings_are_pooled_never_scored_as_zero(small_speechdata, trained, tmp_path):
    path = next((small_speechdata / "testing").rglob("*70_allison*.flac"))
    sound, sr = sf.read(path)
    pieces = np.array_split(sound, 6)
    assert len(pieces[0]) < 0.2 * sr
    sounds = {f"{i}_ann_{i}.wav": piece for i, piece in enumerate(pieces)}
    sounds["0_bob_0.wav"] = pieces[2]
    data = array_of(sounds, tmp_path, sr)
    result = evaluate(data, trained[0].model)
    assert (result["n_scored"], result["n_strings"]) == (6, 1)
    assert [entry["path"] for entry in result["left_out"]] == ["0_bob_0.wav"]
    for entry in result["recordings"]:
        assert entry["stoi"] is None
        assert np.isfinite(entry["level_db"])
        assert entry["string"] == (None if entry["path"] == "0_bob_0.wav" else 0)
    assert "short" in result["left_out"][0]["reason"]
    assert result["scores"]["ceiling"]["stoi"] > 0.5


def test_evaluate_silence_is_not_scored(small_speechdata, trained, tmp_path):
    """Silence has no intelligibility: it must neither count as zero nor as perfect, nor stop the rest."""
    path = next((small_speechdata / "testing").rglob("*70_allison*.flac"))
    sound, sr = sf.read(path)
    alone = array_of({"0_ann_0.wav": sound}, tmp_path / "alone", sr)
    both = array_of({"0_ann_0.wav": sound, "0_bob_0.wav": np.zeros(sr)}, tmp_path / "both", sr)
    model = trained[0].model
    scores, expected = evaluate(both, model)["scores"], evaluate(alone, model)["scores"]
    for metric in expected["model"]:
        if metric != "log_mel_db":
            assert scores["model"][metric] == pytest.approx(expected["model"][metric])


def test_evaluate_silence_is_left_out_and_named(trained, tmp_path):
    result = evaluate(array_of({"a.wav": np.zeros(20_000)}, tmp_path), trained[0].model)
    assert (result["n_scored"], result["n_strings"]) == (0, 0)
    assert "a.wav is silent" in result["left_out"][0]["reason"]
    assert [result["recordings"][0][key] for key in ("stoi", "level_db", "string")] == [None] * 3
    assert set(result["scores"]["model"]) == {"log_mel_db"}
    assert result["scores"]["model"]["log_mel_db"] < 2


def test_format_table_has_a_line_for_each_system():
    scores = {
        "model": {"log_mel_db": 3.14159, "stoi": 0.87654, "estoi": 0.7, "pesq_nb": None},
        "floor": {"log_mel_db": 4.0, "stoi": 0.8, "estoi": 0.6, "pesq_nb": 2.0},
        "ceiling": {"log_mel_db": 0.0, "stoi": 0.95, "estoi": 0.9, "pesq_nb": 3.5},
    }
    heading, *lines = evaluation.format_table(scores).splitlines()
    assert len({len(line) for line in (heading, *lines)}) == 1
    assert [heading.index(word) for word in ("log-mel", "STOI", "ESTOI", "PESQ-NB")] == sorted(
        heading.index(word) for word in ("log-mel", "STOI", "ESTOI", "PESQ-NB")
    )
    assert "PESQ-WB" not in heading
    assert lines[0].split()[-4:] == ["3.14", "0.877", "0.700", "-"]
    assert lines[1].split()[-4:] == ["4.00", "0.800", "0.600", "2.00"]
    assert lines[2].split()[-4:] == ["0.00", "0.950", "0.900", "3.50"]
    for line, title in zip(lines, evaluation.SYSTEMS.values(), strict=True):
        assert line.startswith(title)
