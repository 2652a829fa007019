"""The five scripts as their users run them: in order, from a folder, without a terminal."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder import __version__
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.model import model_file
from speech_autoencoder.system import versions
from tests.helpers.common import RECORDING, ROOT, SCRIPTS, assert_refused, contents_of, png_size, run_script

# ---- in order, with no arguments


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_in_order_succeed(project, script):
    done = project[1][script]
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_off_a_terminal_say_plain_lines_and_name_what_they_wrote(project, script):
    lines = project[1][script].stdout
    assert "\r" not in lines
    assert "\x1b" not in lines
    assert "%|" not in lines
    (wrote,) = (line for line in lines.splitlines() if line.startswith("Wrote "))
    for name in re.findall(r"[\w.]+\.(?:npy|json|h5|csv|png|wav)\b", wrote):
        assert (project[0] / name).stat().st_size > 0


@pytest.mark.parametrize(("name", "side"), [("train_data", "training"), ("test_data", "testing")])
def test_generators_make_float32_clips_of_every_recording(project, name, side):
    clips = np.load(project[0] / f"{name}.npy")
    n_recordings = len(list((project[0] / "speechdata" / side).rglob("*.flac")))
    assert clips.dtype == np.float32
    assert clips.shape[1:] == (128, 48, 1)
    assert n_recordings <= len(clips) <= 2 * n_recordings
    assert clips.min() == 0
    assert 0.5 < clips.max() <= 1
    sidecar = json.loads((project[0] / f"{name}.json").read_text())
    assert len(sidecar["recordings"]["path"]) == n_recordings


def test_trainer_makes_a_model_and_its_history(project):
    model = model_file.load(project[0] / "my_model_for_many_data.h5")
    assert model.features.preset == "classic"
    assert model.description["validation"]["loss"] <= model.description["validation"]["baseline_loss"]
    with (project[0] / "training_history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1"]
    assert float(rows[0]["validation_db"]) > 0
    assert (project[0] / "my_model_for_many_data.checkpoint.npz").exists()


@pytest.mark.parametrize("name", ["training_history.png", "evaluation.png", "reconstruct.png"])
def test_scripts_figures_are_png(project, name):
    assert min(png_size(project[0] / name)) >= 300


def test_evaluate_writes_scores_and_says_them(project):
    folder, done = project
    result = json.loads((folder / "evaluation.json").read_text())
    assert set(result["scores"]) == {"model", "pca", "copy_synthesis"}
    assert result["n_recordings"] == len(list((folder / "speechdata" / "testing").rglob("*.flac")))
    assert result["scores"]["copy_synthesis"]["log_mel_db"] == 0
    for scores in result["scores"].values():
        assert f"{scores['stoi']:.3f}" in done["evaluate_for_many_data"].stdout
    assert result["resampled"] == "segments"
    assert "too few for 95 % intervals, and for any claim" in done["evaluate_for_many_data"].stdout
    fingerprint = json.loads((folder / "test_data.json").read_text())["fingerprint"]
    assert result["data"]["fingerprint"] == fingerprint


def test_evaluate_says_what_made_the_numbers(project):
    result = json.loads((project[0] / "evaluation.json").read_text())
    assert result["format"] in (ROOT / "docs" / "evaluation.md").read_text()
    assert result["version"] == __version__
    assert result["versions"]["pystoi"] == version("pystoi")
    assert result["commit"] == versions.commit()
    assert result["seed"] == 0
    assert result["config"]["latent_search"] == LatentSearchConfig().to_json()
    assert result["config"]["inversion"] == InversionConfig().to_json()


def test_evaluate_every_key_is_documented(project):
    """docs/evaluation.md is the schema: every key of a real file is in it."""
    text = (ROOT / "docs" / "evaluation.md").read_text()
    documented = set(re.findall(r"`(\w+)`", text))
    result = json.loads((project[0] / "evaluation.json").read_text())
    # Configurations: the code of config.py says what they hold; names of libraries.
    elsewhere = {"features", "model", "training", "versions"}

    def keys_of(data):
        if isinstance(data, dict):
            for key, value in data.items():
                yield key
                yield from keys_of(value)
        elif isinstance(data, list):
            for value in data:
                yield from keys_of(value)

    found = set(result) | set(keys_of({key: value for key, value in result.items() if key not in elsewhere}))
    assert {"scores", "mcd_db", "by_band_db", "reason"} <= found
    assert found <= documented
    assert set(METRICS) <= documented


def test_evaluate_compare_and_words_say_what_they_find(project, arrays):
    shutil.copytree(project[0] / "speechdata", arrays / "speechdata")
    done = run_script("evaluate_for_many_data", "--compare", "my_model_for_many_data.h5", "--no-report", cwd=arrays)
    assert (done.returncode, done.stderr) == (0, "")
    assert "my_model_for_many_data.h5" in done.stdout
    assert "Word recognition is not tested: it needs two words" in done.stdout
    comparison = json.loads((arrays / "evaluation.json").read_text())["comparison"]
    assert comparison["path"] == "my_model_for_many_data.h5"
    assert {entry["difference"] for entry in comparison["differences"].values()} == {0}
    done = run_script("evaluate_for_many_data", "--labels", "none.csv", cwd=arrays)
    assert_refused(done, r"none\.csv could not be read")
    done = run_script("evaluate_for_many_data", "--recogniser", "pocketsphinx", "--labels", "none", cwd=arrays)
    assert_refused(done, "pocketsphinx", "testing has 0", "--labels")
    assert done.stdout == ""


def test_evaluate_writes_a_page_with_its_verdict_and_says_it(project):
    folder, done = project
    result = json.loads((folder / "evaluation.json").read_text())
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert result["shared_with_training"]["n_training"] == 15
    assert "report/index.html (" in done["evaluate_for_many_data"].stdout
    for finding in result["verdict"]:
        assert finding["sentence"] in page
        assert finding["sentence"] in done["evaluate_for_many_data"].stdout


def test_evaluate_report_never_takes_the_place_of_other_things(arrays):
    (arrays / "thesis").mkdir()
    (arrays / "thesis" / "chapter 1.txt").write_text("years of work")
    for target in ("thesis", "test_data.npy", "."):
        done = run_script("evaluate_for_many_data", "--report", target, cwd=arrays)
        assert_refused(done, "other files|is a file")
        assert done.stdout == ""
    assert (arrays / "thesis" / "chapter 1.txt").read_text() == "years of work"


def test_evaluate_no_report_writes_none_and_training_need_not_be_there(arrays, project):
    shutil.copytree(project[0] / "speechdata" / "testing", arrays / "speechdata" / "testing")
    (arrays / "train_data.npy").unlink()
    done = run_script("evaluate_for_many_data", "--no-report", cwd=arrays)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Testing is not compared with training: train_data.npy is missing" in done.stdout
    assert not (arrays / "report").exists()
    assert json.loads((arrays / "evaluation.json").read_text())["shared_with_training"] is None


def test_predict_has_the_rate_and_exactly_the_length_of_the_recording(project):
    recording, output = sf.info(project[0] / RECORDING), sf.info(project[0] / "reconstruct.wav")
    assert (output.samplerate, output.frames) == (recording.samplerate, recording.frames)


def test_predict_sounds_like_the_recording(project):
    from speech_autoencoder.evaluation.metrics.intelligibility import stoi

    recording, sr = sf.read(project[0] / RECORDING)
    assert stoi(recording, sf.read(project[0] / "reconstruct.wav")[0], sr) > 0.5


def test_predict_needs_no_tensorflow(project, without_tensorflow, tmp_path):
    model, recording = project[0] / "my_model_for_many_data.h5", project[0] / RECORDING
    done = run_script("predict_for_one_data", recording, "--model", model, cwd=tmp_path, **without_tensorflow)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "reconstruct.wav").read_bytes() == (project[0] / "reconstruct.wav").read_bytes()


def test_evaluate_without_words_needs_no_tensorflow(project, without_tensorflow, arrays):
    shutil.copytree(project[0] / "speechdata", arrays / "speechdata")
    done = run_script("evaluate_for_many_data", "--labels", "none", cwd=arrays, **without_tensorflow)
    assert (done.returncode, done.stderr) == (0, "")
    scores, expected = (json.loads((folder / "evaluation.json").read_text()) for folder in (arrays, project[0]))
    assert scores["scores"] == expected["scores"]


def test_scripts_leave_nothing_behind_but_their_outputs(project):
    assert sorted(path.name for path in project[0].iterdir()) == [
        "evaluation.json",
        "evaluation.png",
        "my_model_for_many_data.checkpoint.npz",
        "my_model_for_many_data.h5",
        "my_model_for_many_data.md",
        "reconstruct.png",
        "reconstruct.wav",
        "report",
        "speechdata",
        "test_data.json",
        "test_data.npy",
        "train_data.json",
        "train_data.npy",
        "training_history.csv",
        "training_history.png",
    ]


# ---- --help and wrong options


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_help_shows_defaults_without_slow_imports(script, tmp_path):
    done = run_script(script, "--help", cwd=tmp_path, options=["-X", "importtime"])
    imported = set(re.findall(r"\|\s+([\w.]+)$", done.stderr, re.MULTILINE))
    assert done.returncode == 0
    assert {"argparse", "speech_autoencoder.cli.process"} <= imported
    assert not {"tensorflow", "keras", "matplotlib", "h5py", "numpy", "scipy", "soundfile"} & imported
    text = " ".join(done.stdout.split())
    source = (ROOT / f"{script}.py").read_text()
    for path in re.findall(r'^[A-Z_]+_(?:PATH|DIR) = Path\("(.*)"\)', source, re.MULTILINE):
        if path in ("train_data.npy",) and script == "test_data_generator":
            continue
        if path.startswith(("training_history", "evaluation")):
            continue
        assert f"(default: {path})" in text.replace("en- allison", "en-allison"), path
    assert "default: None" not in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_unknown_option_ends_with_status_2(script, tmp_path):
    done = run_script(script, "--no-such-option", cwd=tmp_path)
    assert_refused(done, rf"^{script}\.py: error: .*--no-such-option; --help lists the options")
    assert done.stdout == ""


# ---- again


def test_generator_second_run_says_that_nothing_changed_and_writes_nothing(small_speechdata, tmp_path):
    shutil.copytree(small_speechdata, tmp_path / "speechdata")
    assert run_script("train_data_generator", cwd=tmp_path).returncode == 0
    before = contents_of(tmp_path)
    done = run_script("train_data_generator", cwd=tmp_path)
    assert done.returncode == 0
    assert "Nothing has changed: train_data.npy" in done.stdout
    assert contents_of(tmp_path) == before
    shutil.copy(tmp_path / RECORDING, tmp_path / "speechdata" / "training" / "new.flac")
    done = run_script("train_data_generator", cwd=tmp_path)
    assert "1 recording was new or had changed" in done.stdout


def test_generators_unreadable_recording_is_left_out_and_named(small_speechdata, tmp_path):
    shutil.copytree(small_speechdata / "testing", tmp_path / "audio")
    (tmp_path / "audio" / "broken.wav").write_text("no sound")
    done = run_script("train_data_generator", "--audio-dir", "audio", cwd=tmp_path)
    assert done.returncode == 0
    assert "1 recording was left out" in done.stdout
    assert "broken.wav" in done.stdout
    done = run_script("train_data_generator", "--audio-dir", "audio", "--strict", cwd=tmp_path)
    assert_refused(done, r"broken\.wav")


def test_generators_preset_of_training_is_that_of_testing(small_speechdata, tmp_path):
    shutil.copytree(small_speechdata, tmp_path / "speechdata")
    done = run_script("train_data_generator", "--preset", "fine", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run_script("test_data_generator", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    training, testing = (np.load(tmp_path / f"{side}_data.npy") for side in ("train", "test"))
    assert training.shape[1:] == testing.shape[1:] == (80, 128, 1)


def test_evaluate_quiet_says_nothing_and_gives_the_same_scores(project, arrays):
    shutil.copytree(project[0] / "speechdata", arrays / "speechdata")
    done = run_script("evaluate_for_many_data", "--quiet", cwd=arrays)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (arrays / "evaluation.json").read_text() == (project[0] / "evaluation.json").read_text()


# ---- recordings of all kinds


@pytest.fixture(scope="module")
def recordings(small_speechdata, tmp_path_factory):
    """Return {path: (sample rate, samples)} of recordings of odd rates, lengths, channels, levels and names."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    sounds = {
        "20 ms.wav": (8_000, 0.1 * rng.standard_normal(160)),
        "192 kHz.wav": (192_000, 0.1 * rng.standard_normal(100_003)),
        "4 kHz.wav": (4_000, 0.1 * rng.standard_normal(4_001)),
        "stereo.flac": (44_100, 0.1 * rng.standard_normal((30_001, 2))),
        "six channels.wav": (48_000, 0.1 * rng.standard_normal((20_000, 6))),
        "silent.wav": (16_000, np.zeros(12_345)),
        "full scale.wav": (22_050, np.sign(np.sin(np.arange(22_050) / 30))),
        "one sample.wav": (16_000, np.ones(1)),
        "日本語 100 % $x$.wav": (16_000, 0.1 * rng.standard_normal(9_000)),
    }
    for name, (sr, sound) in sounds.items():
        sf.write(folder / name, sound, sr)
    return {folder / name: (sr, len(sound)) for name, (sr, sound) in sounds.items()}


@pytest.fixture(scope="module")
def reconstructions(recordings, project, tmp_path_factory):
    """Return (finished process, folder) of one run on all the recordings."""
    folder = tmp_path_factory.mktemp("reconstructions") / "made" / "by the script"
    return run_script("predict_for_one_data", *recordings, "--output-dir", folder, cwd=project[0]), folder


def test_predict_many_makes_each_and_nothing_else(reconstructions, recordings, project):
    done, folder = reconstructions
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(recordings)} reconstructions" in done.stdout
    assert {path.name for path in folder.iterdir()} == {f"{path.stem}.wav" for path in recordings}


def test_predict_many_keep_rate_and_length(reconstructions, recordings):
    for path, expected in recordings.items():
        info = sf.info(reconstructions[1] / f"{path.stem}.wav")
        assert (info.samplerate, info.frames) == expected, path.name
        assert info.channels == 1


def test_predict_many_silence_stays_silent_and_full_scale_in_range(reconstructions):
    peaks = {path.stem: np.abs(sf.read(path)[0]).max() for path in reconstructions[1].iterdir()}
    assert peaks["silent"] < 1e-3
    assert 0.3 < peaks["full scale"] <= 1
    assert 0.01 < peaks["stereo"] < 1


def test_predict_edited_path_may_be_a_mere_string_with_any_sign(project, recordings, tmp_path):
    """People edit AUDIO_PATH, and not all of them know Path."""
    source = (ROOT / "predict_for_one_data.py").read_text()
    path = next(path for path in recordings if "%" in path.name)
    edited = re.sub(r'^AUDIO_PATH = Path\(".*"\)$', f"AUDIO_PATH = {str(path)!r}", source, flags=re.MULTILINE)
    assert edited != source
    (tmp_path / "predict.py").write_text(edited)
    for arguments in (["--help"], ["--model", project[0] / "my_model_for_many_data.h5"]):
        done = run_script(tmp_path / "predict", *arguments, cwd=tmp_path, PYTHONPATH=str(ROOT))
        assert (done.returncode, done.stderr) == (0, "")
    assert sf.info(tmp_path / "reconstruct.wav").frames == recordings[path][1]


def test_predict_quiet_says_nothing_whatever_the_name(recordings, project, tmp_path):
    path = next(path for path in recordings if "$" in path.name)
    model = project[0] / "my_model_for_many_data.h5"
    done = run_script("predict_for_one_data", "--quiet", path, "--model", model, "--output", "a/b.wav", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sf.info(tmp_path / "a" / "b.wav").frames == recordings[path][1]
    assert min(png_size(tmp_path / "a" / "b.png")) >= 300


# ---- Ctrl-C


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal on POSIX alone")
def test_trainer_interrupted_keeps_a_model_and_goes_on_quietly(arrays):
    (arrays / "my_model_for_many_data.h5").unlink()
    options = ["--patience", "1000", "--latent-rate", "100"]
    with (arrays / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "autoencoder_for_many_data.py"), "--epochs", "20", *options],
            cwd=arrays,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            # A shell starts what it leaves in the background with Ctrl-C ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    with process, process.stdout as stdout:
        for line in stdout:
            if line.startswith("Epoch "):
                break
        process.send_signal(signal.SIGINT)
        out = stdout.read()
    assert process.returncode == 0
    assert (arrays / "stderr").read_text() == ""
    assert "Interrupted after" in out
    assert "continue with --resume" in out
    checkpoint = arrays / "my_model_for_many_data.checkpoint.npz"
    assert checkpoint.exists()
    interrupted = model_file.load(arrays / "my_model_for_many_data.h5").description
    n_done = len(interrupted["history"]["validation_db"])
    assert 0 < n_done < 20
    done = run_script("autoencoder_for_many_data", "--quiet", "--resume", cwd=arrays)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    history = model_file.load(arrays / "my_model_for_many_data.h5").description["history"]["validation_db"]
    assert len(history) == 20
    assert history[:n_done] == interrupted["history"]["validation_db"]
