"""The table of codecs: its rows, its goals, its figure and its command line."""

import json
import shutil

import numpy as np
import pytest
import soundfile as sf

from benchmarks.codec import anchors, codecs, figure, pca_codec
from benchmarks.codec.rows import Part, heading, line_of, measure, row_of
from benchmarks.codec.segment_files import files_of
from benchmarks.codec.targets import goals_at, verdicts
from benchmarks.quality.scoring import METRICS
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.codecs.codec import Codec, Coded
from tests.helpers.common import make_speech, one_line_of, png_size

SR = 8_000


def make_row(system, setting, rate, scores):
    """Return a row with these scores: digits, STOI, ESTOI and narrowband PESQ."""
    scores = dict(zip(("digits", "stoi", "estoi", "pesq_nb"), scores, strict=True)) | {
        "speakers": None,
        "pesq_wb": None,
    }
    intervals = {key: None if score is None else [0.99 * score, 1.01 * score] for key, score in scores.items()}
    return {
        "system": system,
        "setting": setting,
        "bits_per_second": rate,
        "scores": scores,
        "intervals_95": intervals,
    }


def test_measure_perfect_codec_has_perfect_scores(corpus):
    files, _ = files_of(corpus)
    codec = Codec("ours", ["1"], lambda setting, waveforms, sr: Coded(waveforms, [100.0] * len(waveforms)))
    part = measure(codec, "1", files, SR, recognitions={}, workers=2)
    assert part.values["stoi"] == pytest.approx(np.ones(len(files)), abs=1e-6)
    row = row_of("ours", "1", [part])
    assert row["bits_per_second"] == pytest.approx(8 * 400 / (sum(len(file.waveform) for file in files) / SR))
    low, high = row["bits_per_second_interval_95"]
    assert low < row["bits_per_second"] < high
    shown = [*METRICS, "pesq_wb"]
    assert line_of(row, shown).count("|") == heading(shown).splitlines()[0].count("|")
    assert line_of(row, ["digits", "stoi"]).endswith("| - | 1.000 ± 0.000 |")


def test_row_of_parts_have_the_same_weight():
    parts = [
        Part({"stoi": np.full(n, score)}, np.full(n, bits), np.ones(n))
        for n, score, bits in ((9, 0.5, 100), (1, 1, 300))
    ]
    row = row_of("ours", "1", parts)
    assert (row["scores"]["stoi"], row["bits_per_second"]) == (pytest.approx(0.75), pytest.approx(200))


def test_verdicts_say_which_goals_are_met():
    goals = goals_at(SR, unseen=False)
    least = [0.9, *goals["0.8"].values()]
    good = make_row("ours", "0.8", 799, least)
    worse = make_row("Codec 2", "700C", 805, [score - 0.01 for score in least])
    (line,) = verdicts([good, worse], goals)
    assert line.count(" met") == 3
    assert "NOT" not in line
    assert "700C (805 bit/s) is beaten on all of STOI, ESTOI, PESQ-NB" in line
    (line,) = verdicts([make_row("ours", "0.8", 801, [0.9, None, 0.85, 3.3]), worse], goals)
    assert "TOO MANY" in line
    assert "ESTOI 0.850 of 0.855 NOT met" in line
    assert "PESQ-NB 3.300 of 3.25 met" in line
    assert verdicts([worse], goals) == []


def test_verdicts_compare_with_the_setting_that_spends_no_less():
    goals = goals_at(SR, unseen=False)
    ours = make_row("ours", "1.6", 1_590, [1, 0.9, 0.8, 3])
    rivals = [make_row("Codec 2", f"{rate}", rate, [1, 0.8, 0.7, 2 + rate / 1_600]) for rate in (2_400, 1_200, 1_600)]
    (line,) = verdicts([ours, *rivals, make_row("Speex", "0", 900, [0, 0.95, 0.7, 2])], goals)
    assert "Codec 2 1600 (1,600 bit/s) is NOT beaten on PESQ-NB" in line
    assert "Speex 0 (900 bit/s) is NOT beaten on STOI;" in line.replace(".", ";")
    assert "2400" not in line


def test_goals_at_16_khz_are_of_wideband_pesq():
    goals = goals_at(16_000, unseen=False)
    row = make_row("ours", "6", 5_900, [None, 0.98, 0.95, 4]) | {"scores": {"stoi": 0.98, "pesq_wb": 3.8}}
    assert verdicts([row], goals) == ["6 kbit/s: 5,900 bit/s spent; PESQ-WB 3.800 of 3.75 met."]
    assert not goals_at(16_000, unseen=True)
    assert set(goals_at(SR, unseen=True)) == {"0.8"}


def test_draw_writes_a_figure(tmp_path):
    rows = [make_row("ours", f"{k}", 1_000 * k, [0.9, 0.8, 0.7, 2.0 + k / 10]) for k in (1, 2, 3)]
    rows += [make_row("Codec 2", "700C", 700, [None, 0.7, 0.6, 1.9])]
    figure.draw(tmp_path / "out.png", rows, title="codecs", goals={"1": {"stoi": 0.9}}, originals={"digits": 0.99})
    width, height = png_size(tmp_path / "out.png")
    assert width > 1_000
    assert height > 800


def test_installed_names_what_is_missing_and_what_is_resampled_in_a_line_each(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda program: None if program.startswith("speex") else program)
    (tmp_path / "node_modules" / "ogg-opus-decoder").mkdir(parents=True)
    wanted = ["codec2", "speex", "lyra", "lace"]
    found = anchors.installed(wanted, 16_000, lyra=tmp_path, opus_ml=tmp_path, workers=1)
    assert [codec.name for codec in found] == ["Codec 2", "Opus, LACE"]
    missing, resampled = capsys.readouterr().out.splitlines()
    assert "Speex (apt install speex); Lyra v2 (pip install ai-edge-litert, and --lyra" in missing
    assert "16,000 Hz, and back, for Codec 2 (8,000 Hz)" in resampled


def test_installed_lace_of_narrowband_sound_is_left_out(capsys, tmp_path):
    assert not anchors.installed(["nolace"], SR, lyra=None, opus_ml=tmp_path, workers=1)
    assert capsys.readouterr().out == "Opus, NoLACE is left out: it acts on wideband sound, and this is of 8,000 Hz.\n"


def test_main_leaves_speakers_out_in_turn(monkeypatch, tmp_path, capsys):
    for seed, name in enumerate(f"word_{who}_{take}" for who in ("ann", "bob") for take in (5, 6)):
        (tmp_path / "sound").mkdir(exist_ok=True)
        sf.write(tmp_path / "sound" / f"{name}.wav", make_speech(SR, SR, seed), SR)
    monkeypatch.setattr(pca_codec, "BITRATES", ("2",))
    arguments = (
        "--systems pca --training-dir sound --testing-dir sound --leave-out all --output out.json --figure f.png"
    )
    monkeypatch.setattr("sys.argv", ["codecs", *arguments.split()])
    monkeypatch.chdir(tmp_path)
    codecs.main()
    (row,) = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert (row["system"], row["n_files"]) == ("PCA baseline", 4)
    assert "digits" not in row["scores"]  # too few words to learn them
    assert row["bits_per_second"] > 100
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines[-1] == line_of(row, ["stoi", "estoi", "pesq_nb"])
    assert (tmp_path / "f.png").exists()


def test_parse_model_and_speaker_left_out_are_refused_together():
    with pytest.raises(InputError, match="leave --model out") as error:
        codecs.parse(["--model", "model.h5", "--leave-out", "all"])
    one_line_of(error)
