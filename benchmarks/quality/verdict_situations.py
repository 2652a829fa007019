"""Measure the six situations that the verdict of an evaluation must tell apart, with the scripts.

    python -m benchmarks.quality.verdict_situations

writes tests/evaluation/situations.json, which the tests of the verdict read. The situations are a well trained model, a
model of one minute, a model of ten recordings, and the old program's network; the well trained model is also tested on
music, and on recordings that it was trained on.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from benchmarks.options import TESTING_DIR, TRAINING_DIR, make_parser
from benchmarks.quality.recording_counts import some_of
from benchmarks.running import ROOT, run_script
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read
from speech_autoencoder.cli.options import to_path
from speech_autoencoder.system.files import write_json

OUTPUT = ROOT / "tests" / "evaluation" / "situations.json"
N_TESTING = 40  # recordings to test on
N_LEAKED = 10  # of training, that are added to testing in one situation
N_FEW = 10  # of the smallest training
LEAKED_START = 800  # samples that are cut off a leaked recording, as if somebody had edited it
LEAKED_GAIN = 0.5
N_MUSIC = 16  # pieces of music
MUSIC_S = 2.0  # the duration of each
SR = 16_000  # Hz, of the music and the leaked recordings
# What the verdict reads of an evaluation, so that the file stays small.
_OF_TRAINING = ("training", "validation", "data", "codec")
_OF_HISTORY = ("minutes", "training_db", "validation_db", "validation_loss")


def music(seed: int) -> np.ndarray:
    """Return a waveform (n_samples,): a chord of sawtooth waves on every beat, a melody above, drums below."""
    rng, t = np.random.default_rng(seed), np.arange(round(MUSIC_S * SR)) / SR
    beat, tune = t % 0.5, np.floor(t / 0.125).astype(int)
    chord = 110 * 2 ** (rng.choice([0, 3, 5, 7], 4).cumsum()[np.floor(t / 0.5).astype(int)] / 12)
    sound = sum((chord * ratio * t) % 1 - 0.5 for ratio in (1, 1.26, 1.5)) * np.exp(-2 * beat)
    melody = 440 * 2 ** (rng.choice([0, 2, 4, 7, 9, 12], 1 + tune.max())[tune] / 12)
    sound += 0.7 * np.sin(2 * np.pi * np.cumsum(melody) / SR)
    sound += 2 * np.sin(2 * np.pi * 60 * beat) * np.exp(-20 * beat)
    sound += 0.6 * rng.standard_normal(len(t)) * np.exp(-60 * (t % 0.25))
    return (0.1 * sound).astype(np.float32)


def evaluate(folder: Path, testing: Path) -> dict:
    """Evaluate the model in folder on the recordings below testing; return what the verdict reads."""
    run_script("test_data_generator", folder, "--audio-dir", testing)
    run_script("evaluate_for_many_data", folder, "--no-report", "--labels", "none")
    full = json.loads((folder / "evaluation.json").read_text())
    training = full["training"]
    keys = ("stoi", "log_mel_db")
    scores = {system: {key: scores[key] for key in keys} for system, scores in full["scores"].items()}
    return {
        "result": {
            "scores": scores,
            "recordings": [{key: entry["scores"][key] for key in keys} for entry in full["recordings"]],
        },
        "model": {
            "model": full["model"],
            "features": full["features"],
            **{key: training[key] for key in _OF_TRAINING},
            "history": {key: training["history"][key] for key in _OF_HISTORY},
        },
        "facts": full["shared_with_training"],
    }


def train(folder: Path, n_recordings: int, *options: object) -> Path:
    """Train a model on this many recordings (0: all) with these options, in folder; return folder."""
    folder.mkdir()
    recordings = some_of(TRAINING_DIR, n_recordings, folder / "recordings")
    run_script("train_data_generator", folder, "--audio-dir", recordings)
    run_script("autoencoder_for_many_data", folder, *options)
    return folder


def measure(minutes: float, folder: Path) -> dict[str, dict]:
    """Return {situation: what the verdict reads of it}; minutes is the time budget of the good training."""
    speech = some_of(TESTING_DIR, N_TESTING, folder / "speech")
    well = train(folder / "well", 0, "--minutes", minutes)
    found = {"well trained": evaluate(well, speech)}
    (folder / "music").mkdir()
    for i in range(N_MUSIC):
        sf.write(folder / "music" / f"{i}.wav", music(i), SR)
    found["music"] = evaluate(well, folder / "music")
    leaking = shutil.copytree(speech, folder / "leaking")
    for number, name in enumerate(find_recordings(some_of(TRAINING_DIR, N_LEAKED, folder / "leaked"))):
        sf.write(leaking / f"copy_{number}.wav", LEAKED_GAIN * read(TRAINING_DIR / name, SR)[LEAKED_START:], SR)
    found["leaking"] = evaluate(well, leaking)
    found["one minute"] = evaluate(train(folder / "minute", 0, "--minutes", 1), speech)
    found["ten clips"] = evaluate(train(folder / "ten", N_FEW, "--minutes", 1), speech)
    # A model that is worse than PCA: the network of the program that this one replaces, measured when it was an option.
    found["old network"] = json.loads(OUTPUT.read_text())["old network"]
    return found


def _round(data: Any) -> Any:
    """Return JSON data with five significant digits of its numbers."""
    if isinstance(data, dict):
        return {key: _round(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_round(value) for value in data]
    return float(f"{data:.5g}") if isinstance(data, float) else data


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="time budget of the good training")
    parser.add_argument("--output", type=to_path, default=OUTPUT, help="JSON file to write")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_json(args.output, _round(measure(args.minutes, Path(folder))))


if __name__ == "__main__":
    main()
