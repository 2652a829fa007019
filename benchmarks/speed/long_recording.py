"""Measure how fast the codec encodes and decodes an hour of sound on one core, and how much memory that takes.

    python -m benchmarks.speed.long_recording --model MODEL --audio-dir DIR

makes the table of docs/codec.md, "Speed". The sound is the testing recordings over and over; the memory of six minutes
is measured too, as an hour must not take much more. The model must have been trained with --codec.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.options import TESTING_DIR, make_parser
from benchmarks.speed.timing import run_and_measure
from benchmarks.tables import heading, line
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import describe, read
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.config import DEFAULT_BITRATE


@dataclass(frozen=True)
class Cost:
    """The seconds and the peak memory in MB of encoding and decoding, and the bitrate in kbit/s."""

    encoding_s: float
    encoding_mb: float
    decoding_s: float
    decoding_mb: float
    bitrate: float


def write_sound(path: Path, seconds: float, audio_dir: Path) -> None:
    """Write this many seconds of the recordings below audio_dir, at the rate of the first, in 16 bits."""
    names = find_recordings(audio_dir)
    sr = describe(audio_dir / names[0]).sr
    left = round(seconds * sr)
    pause = np.zeros(sr // 10, np.float32)  # 0.1 s after each recording
    with sf.SoundFile(path, "w", sr, 1, "PCM_16") as file:
        while left:
            for name in names:
                waveform = np.concatenate([read(audio_dir / name, sr), pause])[:left]
                file.write(waveform)
                left -= len(waveform)


def measure(model: Path, seconds: float, audio_dir: Path, *, bitrate: float = DEFAULT_BITRATE) -> Cost:
    """Encode and decode this many seconds of the recordings below audio_dir with the command line, on one core."""
    with tempfile.TemporaryDirectory() as name:
        sound, encoded, output = (Path(name) / file for file in ("sound.wav", "sound.sae", "output.wav"))
        write_sound(sound, seconds, audio_dir)
        command, options = ("-m", "speech_autoencoder"), ("--model", model.resolve(), "--quiet")
        encoding = run_and_measure(*command, "encode", sound, encoded, *options, "--bitrate", bitrate, one_core=True)
        decoding = run_and_measure(*command, "decode", encoded, output, *options, one_core=True)
        return Cost(*encoding, *decoding, bitrate=8 * encoded.stat().st_size / seconds / 1_000)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--model", type=to_path, default=Path("my_model_for_many_data.h5"), help="trained with --codec")
    parser.add_argument("--audio-dir", type=to_path, default=TESTING_DIR, help="recordings that the sound is made of")
    parser.add_argument("--minutes", type=positive(float), nargs="+", default=[6.0, 60.0], help="of sound")
    parser.add_argument("--bitrate", type=positive(float), default=DEFAULT_BITRATE, help="in kbit/s")
    args = parser.parse_args()
    columns = ["sound, minutes", "encoding, x real time", "peak, MB", "decoding, x real time", "peak, MB", "kbit/s"]
    print(heading(columns), flush=True)
    for minutes in args.minutes:
        cost = measure(args.model, 60 * minutes, args.audio_dir, bitrate=args.bitrate)
        encoding = [f"{60 * minutes / cost.encoding_s:.0f}", f"{cost.encoding_mb:,.0f}"]
        decoding = [f"{60 * minutes / cost.decoding_s:.0f}", f"{cost.decoding_mb:,.0f}"]
        print(line([f"{minutes:g}", *encoding, *decoding, f"{cost.bitrate:.2f}"]), flush=True)


if __name__ == "__main__":
    main()
