"""Read damaged recordings of many formats as the generators read them: each must be used, or left out with a reason.

    python -m robustness.fuzz_audio --files 20000

prints the table of docs/reliability.md, "Bad audio".
"""

import argparse
import io
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf
import soxr

from benchmarks.running import ROOT
from robustness.damage_bytes import damage_bytes
from robustness.ogg_checksums import correct_checksums
from robustness.outcome_table import report_problems, table
from robustness.watched_processes import Check, Outcome, watch
from speech_autoencoder.audio.levels import Levels
from speech_autoencoder.audio.log_mel import mel_filters, mel_spectrogram_stream, normalise
from speech_autoencoder.audio.reading import describe, read, read_stream
from speech_autoencoder.audio.resampling import resampled_length
from speech_autoencoder.config import CLASSIC

RECORDING = ROOT / "speechdata" / "testing" / "en-allison" / "70_allison_digits.flac"
_SR = 16_000  # Hz; every format below has it
_SECONDS = 0.4  # enough for some frames, and quick to read
_CHECKSUM_SHARE = 0.7  # of the Ogg mutants: decoders skip pages with a wrong checksum


class Kind(NamedTuple):
    """A family of formats: its name in the table, the suffix of its files, libsndfile's formats and subtypes."""

    name: str
    suffix: str
    formats: str
    subtypes: str


KINDS = (
    Kind("WAV", ".wav", "WAV", "PCM_16 PCM_U8 PCM_24 FLOAT DOUBLE ULAW IMA_ADPCM MS_ADPCM GSM610"),
    Kind("WAVEX", ".wav", "WAVEX", "PCM_16 FLOAT"),
    Kind("FLAC", ".flac", "FLAC", "PCM_16 PCM_S8"),
    Kind("OGG Vorbis", ".ogg", "OGG", "VORBIS"),
    Kind("OGG Opus", ".opus", "OGG", "OPUS"),
    Kind("MP3", ".mp3", "MP3", "MPEG_LAYER_III"),
    Kind("AIFF", ".aiff", "AIFF", "PCM_16 FLOAT ULAW IMA_ADPCM"),
    Kind("CAF", ".caf", "CAF", "PCM_16 ALAC_16"),
    Kind("AU, W64, RF64, VOC, NIST", ".au", "AU W64 RF64 VOC NIST", "PCM_16"),
    Kind("MAT, PAF, SVX, IRCAM, PVF, SDS", ".mat", "MAT4 MAT5 PAF SVX IRCAM PVF SDS", "PCM_16"),
)


@cache
def undamaged(kind: int) -> list[bytes]:
    """Return sound files of a kind (an index of KINDS), mono and stereo."""
    waveform = soxr.resample(read(RECORDING), describe(RECORDING).sr, _SR)[: int(_SECONDS * _SR)]
    out = []
    for file_format in KINDS[kind].formats.split():
        for subtype in KINDS[kind].subtypes.split():
            for channels in (1, 2):
                sound = np.repeat(waveform[:, None], channels, axis=1)
                content = io.BytesIO()
                try:
                    sf.write(content, sound, _SR, subtype, format=file_format)
                except sf.SoundFileError:
                    continue  # a format of one channel
                out.append(content.getvalue())
    return out


def mutant(seed: int, number: int) -> tuple[Kind, bytes]:
    """Return the (kind, content) of the damaged file of this number, always the same for a seed."""
    rng, index = np.random.default_rng([seed, number]), number % len(KINDS)
    files = undamaged(index)
    other = undamaged(int(rng.integers(len(KINDS))))
    content = damage_bytes(files[int(rng.integers(len(files)))], rng, other[int(rng.integers(len(other)))])
    if KINDS[index].formats == "OGG" and rng.random() < _CHECKSUM_SHARE:
        content = correct_checksums(content)
    return KINDS[index], content


def prepare(seed: int, folder: Path) -> Check:
    """Return check(number), which reads the mutant of that number and returns its duration in words."""
    mel_filters(CLASSIC)  # takes time once, which no mutant is charged for

    def check(number: int) -> str:
        kind, content = mutant(seed, number)
        with tempfile.TemporaryDirectory(dir=folder) as name:
            path = Path(name, f"mutant{kind.suffix}")
            path.write_bytes(content)
            recording = describe(path)
            levels = Levels(recording.sr)
            n_frames = 0
            for chunk in mel_spectrogram_stream(read_stream(path, CLASSIC.sr, levels), CLASSIC):
                frames = normalise(chunk, CLASSIC)
                if not (frames.min() >= 0 and frames.max() <= 1):
                    raise ArithmeticError("features outside of [0, 1]")
                n_frames += frames.shape[1]
            if n_frames != CLASSIC.count_frames(resampled_length(levels.n_samples, recording.sr, CLASSIC.sr)):
                raise ArithmeticError(f"{levels.n_samples} samples became {n_frames} frames")
            return f"{recording.duration_s:.2f} s"

    return check


def fuzz(n_files: int, *, seed: int, workers: int, first: int = 0) -> Iterator[tuple[str, Outcome]]:
    """Yield the (kind, Outcome) of `n_files` mutants, from number `first` on."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = range(first, first + n_files)
        for outcome in watch(partial(prepare, seed, Path(folder)), numbers, workers=workers):
            yield KINDS[outcome.item % len(KINDS)].name, outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000, help="damaged files to read")
    parser.add_argument("--first", type=int, default=0, help="the number of the first of them")
    parser.add_argument("--seed", type=int, default=0, help="of the damage")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    args = parser.parse_args()
    print(table(fuzz(args.files, seed=args.seed, workers=args.workers, first=args.first), report_problems))


if __name__ == "__main__":
    main()
