"""How long scripts take to start: --help against an empty program, a prediction against the old program's way."""

import argparse
import wave
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.running import ROOT
from benchmarks.speed.timing import Row, compared, in_turns, process

SCRIPTS = sorted(path.stem for path in ROOT.glob("*_*.py"))


def helps(times: int) -> Iterator[Row]:
    """The slowest script's --help, and how much longer than nothing it takes."""
    scripts = [partial(process, ROOT / f"{name}.py", "--help") for name in SCRIPTS]
    nothing, *seconds = in_turns([partial(process, "-c", "pass"), *scripts], times)
    slowest = max(seconds)
    name = SCRIPTS[seconds.index(slowest)]
    note = f"{name}.py, the slowest of {len(SCRIPTS)}: {slowest - nothing:.2f} s longer than nothing"
    yield Row(
        "--help", "0.3 s more than `python -c pass`", "s", slowest, nothing + 0.3, (nothing + 0.3) / slowest, 1, note
    )


def prediction(material, times: int) -> Iterator[Row]:
    """Whole processes that send one recording of a second through a model."""
    folder, recording = material.folder, material.folder / "second.wav"
    with wave.open(str(recording), "wb") as file:
        file.setparams((1, 2, 22_050, 0, "NONE", ""))
        file.writeframes(material.a_second())
    process("-m", "benchmarks.speed.start", "save", folder / "old.h5", cwd=folder)
    options = ("--no-show", "--quiet", "--model", material.model, "--output", folder / "reconstruct.wav")
    functions = [
        partial(process, ROOT / "predict_for_one_data.py", recording, *options),
        partial(process, "-m", "benchmarks.speed.start", "predict", folder / "old.h5", recording, cwd=folder),
        partial(process, "-c", "import keras"),
    ]
    for function in functions:
        function()  # the disk is warm from here on
    ours, old, keras = in_turns(functions, times)
    yield compared("a prediction, whole process", "the old program's way", "s", ours, old, 4)
    note = f"{ours / keras:.2f} times as long as `import keras`"
    yield compared("the same", "1.5 times `import keras`", "s", ours, 1.5 * keras, 1, note)


def _save(path):
    """Nothing; path holds the old program's network, untrained."""
    from benchmarks.quality.old_program import ORIGINAL
    from speech_autoencoder.model.keras_network import build

    build(ORIGINAL).save(path)


def _predict(model_path, recording):
    """Nothing; the recording has gone through the old program: load, features, network, inversion, sound, figure."""
    import keras
    import librosa
    import matplotlib.pyplot as plt
    import soundfile as sf

    from benchmarks.quality import old_program

    network = keras.models.load_model(model_path, compile=False)
    waveform, sr = librosa.load(recording, sr=22_050)
    clips = old_program.analyse(waveform)[None, :, :, None]
    output = old_program.through(network, clips, stretched=True)
    sound = old_program.synthesise(output[0, :, :, 0], seed=0)
    sf.write("old.wav", sound, sr)
    figure, axes = plt.subplots(2)
    for axis, values in zip(axes, (waveform, sound), strict=True):
        axis.plot(values)
    figure.savefig("old.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The old program's prediction, to be timed as a process.")
    parser.add_argument("command", choices=("save", "predict"))
    parser.add_argument("paths", type=Path, nargs="+")
    args = parser.parse_args()
    (_save if args.command == "save" else _predict)(*args.paths)
