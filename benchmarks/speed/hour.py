"""An hour of sound as a codec: how fast it is encoded and decoded on one core, and how much memory that takes.

The sound is the testing recordings over and over. Memory is compared with that of six minutes, which it must not exceed
by much; time with real time. The model must have been trained with --codec.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.running import ROOT
from benchmarks.speed.timing import peak_of
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import describe, read
from speech_autoencoder.cli.options import positive


def write_sound(path: Path, seconds: float, audio_dir: Path) -> None:
    """Nothing; path holds so many seconds of the recordings below audio_dir, at the rate of the first, 16 bits."""
    names = find_recordings(audio_dir)
    sr = describe(audio_dir / names[0]).sr
    left = round(seconds * sr)
    with sf.SoundFile(path, "w", sr, 1, "PCM_16") as file:
        while left:
            for name in names:
                waveform = np.concatenate([read(audio_dir / name, sr), np.zeros(sr // 10, np.float32)])[:left]
                file.write(waveform)
                left -= len(waveform)


def run(*arguments) -> tuple[float, float]:
    """(seconds, peak memory in MB) of our command line on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # inherited by what we start
    return peak_of("-m", "speech_autoencoder", *arguments, "--quiet")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("my_model_for_many_data.h5"))
    parser.add_argument("--audio-dir", type=Path, default=ROOT / "speechdata" / "testing")
    parser.add_argument("--minutes", type=positive(float), nargs="+", default=[6.0, 60.0], help="of sound")
    parser.add_argument("--bitrate", type=positive(float), default=1.6)
    args = parser.parse_args()
    print("| sound, minutes | encoding, x real time | peak, MB | decoding, x real time | peak, MB | kbit/s |")
    print("|---|---|---|---|---|---|", flush=True)
    for minutes in args.minutes:
        with tempfile.TemporaryDirectory() as name:
            sound, code, output = (Path(name) / file for file in ("sound.wav", "sound.sae", "output.wav"))
            write_sound(sound, 60 * minutes, args.audio_dir)
            model = ("--model", args.model.resolve())
            encoding_s, encoding_mb = run("encode", sound, code, *model, "--bitrate", args.bitrate)
            decoding_s, decoding_mb = run("decode", code, output, *model)
            kbits = 8 * code.stat().st_size / (60 * minutes) / 1_000
        speeds = [60 * minutes / seconds for seconds in (encoding_s, decoding_s)]
        cells = f"{speeds[0]:.0f} | {encoding_mb:,.0f} | {speeds[1]:.0f} | {decoding_mb:,.0f} | {kbits:.2f}"
        print(f"| {minutes:g} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
