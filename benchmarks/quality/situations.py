"""The six situations that the verdict must tell apart, measured with the scripts themselves: tests/evaluation/situations.json.

A model that is well trained, one of a minute, one of ten recordings, the old program's network; the well trained one
tested on music, and on testing that holds what was trained on: python -m benchmarks.quality.situations
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.quality.how_many import some_of
from benchmarks.running import ROOT, run
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read
from speech_autoencoder.system.files import write_json

OUTPUT = ROOT / "tests" / "evaluation" / "situations.json"
TRAINING, TESTING = ROOT / "speechdata" / "training", ROOT / "speechdata" / "testing"
MODEL = "my_model_for_many_data.h5"
# Recordings to test on; of them, in one situation, from training; pieces of music, their length and rate.
N_TESTING, N_LEAKED, N_MUSIC, MUSIC_S, SR = 40, 10, 16, 2.0, 16_000
# What the verdict reads of an evaluation, so that the file stays small.
_OF_TRAINING = ("training", "validation", "data", "codec")
_OF_HISTORY = ("minutes", "training_db", "validation_db", "validation_loss")


def music(seed: int) -> np.ndarray:
    """A waveform (n_samples,) of a chord of sawteeth on every beat, with a melody above and drums below."""
    rng, t = np.random.default_rng(seed), np.arange(round(MUSIC_S * SR)) / SR
    beat, tune = t % 0.5, np.floor(t / 0.125).astype(int)
    chord = 110 * 2 ** (rng.choice([0, 3, 5, 7], 4).cumsum()[np.floor(t / 0.5).astype(int)] / 12)
    sound = sum((chord * ratio * t) % 1 - 0.5 for ratio in (1, 1.26, 1.5)) * np.exp(-2 * beat)
    melody = 440 * 2 ** (rng.choice([0, 2, 4, 7, 9, 12], 1 + tune.max())[tune] / 12)
    sound += 0.7 * np.sin(2 * np.pi * np.cumsum(melody) / SR)
    sound += 2 * np.sin(2 * np.pi * 60 * beat) * np.exp(-20 * beat)
    sound += 0.6 * rng.standard_normal(len(t)) * np.exp(-60 * (t % 0.25))
    return (0.1 * sound).astype(np.float32)


def evaluated(folder: Path, testing: Path) -> dict:
    """What the verdict reads of the evaluation of the model in folder on the recordings below testing."""
    run("test_data_generator", folder, "--audio-dir", testing)
    run("evaluate_for_many_data", folder, "--no-report", "--labels", "none")
    full = json.loads((folder / "evaluation.json").read_text())
    training = full["training"]
    scores = {system: {key: scores[key] for key in ("stoi", "log_mel_db")} for system, scores in full["scores"].items()}
    return {
        "result": {
            "scores": scores,
            "recordings": [
                {key: entry["scores"][key] for key in ("stoi", "log_mel_db")} for entry in full["recordings"]
            ],
        },
        "model": {
            "model": full["model"],
            "features": full["features"],
            **{key: training[key] for key in _OF_TRAINING},
            "history": {key: training["history"][key] for key in _OF_HISTORY},
        },
        "facts": full["shared_with_training"],
    }


def trained(folder: Path, recordings: int, *options) -> Path:
    """The folder, with a model trained on so many recordings (0: all) with these options of the trainer."""
    folder.mkdir()
    run("train_data_generator", folder, "--audio-dir", some_of(TRAINING, recordings, folder / "recordings"))
    run("autoencoder_for_many_data", folder, *options)
    return folder


def measure(minutes: float, folder: Path) -> dict:
    """{situation: what the verdict reads of it}; minutes is the time budget of a good training."""
    speech = some_of(TESTING, N_TESTING, folder / "speech")
    well = trained(folder / "well", 0, "--minutes", minutes)
    found = {"well trained": evaluated(well, speech)}
    (folder / "music").mkdir()
    for i in range(N_MUSIC):
        sf.write(folder / "music" / f"{i}.wav", music(i), SR)
    found["music"] = evaluated(well, folder / "music")
    leaking = shutil.copytree(speech, folder / "leaking")
    for number, name in enumerate(find_recordings(some_of(TRAINING, N_LEAKED, folder / "leaked"))):
        # Quieter, and without its beginning.
        sf.write(leaking / f"copy_{number}.wav", 0.5 * read(TRAINING / name, SR)[800:], SR)
    found["leaking"] = evaluated(well, leaking)
    found["one minute"] = evaluated(trained(folder / "minute", 0, "--minutes", 1), speech)
    found["ten clips"] = evaluated(trained(folder / "ten", 10, "--minutes", 1), speech)
    # A model that is worse than PCA: the network of the program that this one replaces, measured when it was an option.
    found["old network"] = json.loads(OUTPUT.read_text())["old network"]
    return found


def _rounded(data):
    """The data with five significant digits of its numbers."""
    if isinstance(data, dict):
        return {key: _rounded(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_rounded(value) for value in data]
    return float(f"{data:.5g}") if isinstance(data, float) else data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="time budget of the good training")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_json(args.output, _rounded(measure(args.minutes, Path(folder))))


if __name__ == "__main__":
    main()
