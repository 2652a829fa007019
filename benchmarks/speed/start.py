"""Measure how long scripts take to start: --help against an empty program, a prediction against the old program's way.

`python -m benchmarks.speed.start predict` is the old program's prediction, to be timed as a process.
"""

import argparse
import wave
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.running import ROOT
from benchmarks.speed.timing import Row, best_seconds, compare, run_python

if TYPE_CHECKING:
    from benchmarks.speed.material import Material

SCRIPTS = sorted(path.stem for path in ROOT.glob("*_*.py"))
SR = 22_050  # Hz, which the old program resamples to
_HELP_S = 0.3  # that --help may take longer than an empty program


def help_row(times: int) -> Row:
    """Return the seconds of the slowest script's --help."""
    scripts = [partial(run_python, ROOT / f"{name}.py", "--help") for name in SCRIPTS]
    nothing, *seconds = best_seconds([partial(run_python, "-c", "pass"), *scripts], times)
    slowest, most = max(seconds), nothing + _HELP_S
    name = SCRIPTS[seconds.index(slowest)]
    note = f"{name}.py, the slowest of {len(SCRIPTS)}: {slowest - nothing:.2f} s longer than nothing"
    return Row("--help", f"{_HELP_S} s more than `python -c pass`", "s", slowest, most, most / slowest, 1, note)


def prediction_rows(material: "Material", times: int) -> Iterator[Row]:
    """Yield the seconds of whole processes that reconstruct a recording of one second."""
    folder, recording = material.folder, material.folder / "second.wav"
    with wave.open(str(recording), "wb") as file:
        file.setparams((1, 2, SR, 0, "NONE", ""))
        file.writeframes(material.one_second(SR))
    run_python("-m", "benchmarks.speed.start", "save", folder / "old.h5", cwd=folder)
    options = ("--no-show", "--quiet", "--model", material.model, "--output", folder / "reconstruct.wav")
    functions = [
        partial(run_python, ROOT / "predict_for_one_data.py", recording, *options),
        partial(run_python, "-m", "benchmarks.speed.start", "predict", folder / "old.h5", recording, cwd=folder),
        partial(run_python, "-c", "import keras"),
    ]
    for function in functions:
        function()  # from here on, the files are in the system's cache
    ours, old, keras = best_seconds(functions, times)
    yield compare("a prediction, whole process", "the old program's way", "s", ours=ours, theirs=old, least=4)
    note = f"{ours / keras:.2f} times as long as `import keras`"
    yield compare("the same", "1.5 times `import keras`", "s", ours=ours, theirs=1.5 * keras, least=1, note=note)


# The old program's prediction imports what it needs where it needs it, as its start is timed.


def _save(path: Path) -> None:
    """Write the old program's network, untrained."""
    from benchmarks.quality import original_network

    original_network.build().save(path)


def _predict(model_path: Path, recording: Path) -> None:
    """Reconstruct a recording as the old program does: load, features, network, inversion, sound, figure."""
    import keras
    import librosa
    import matplotlib.pyplot as plt
    import soundfile as sf

    from benchmarks.quality import old_program

    network = keras.models.load_model(model_path, compile=False)
    waveform, sr = librosa.load(recording, sr=SR)
    clips = old_program.analyse(waveform)[None, :, :, None]
    output = old_program.apply_network(network, clips, stretched=True)
    sound = old_program.synthesise(output[0, :, :, 0], seed=0)
    sf.write("old.wav", sound, sr)
    figure, axes = plt.subplots(2)
    for axis, values in zip(axes, (waveform, sound), strict=True):
        axis.plot(values)
    figure.savefig("old.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("save", "predict"), help="write the old network, or predict with it")
    parser.add_argument("paths", type=Path, nargs="+", help="the network; to predict, also the recording")
    args = parser.parse_args()
    (_save if args.command == "save" else _predict)(*args.paths)


if __name__ == "__main__":
    main()
