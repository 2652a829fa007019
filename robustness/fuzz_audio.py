"""Read damaged recordings of many formats as the generators read them: each must be used, or left out with a reason.

    python -m robustness.fuzz_audio --files 20000
    python -m robustness.fuzz_audio --files 5000 --library PyAV

print the tables of docs/reliability.md, "Bad audio".
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
from robustness import pyav_files
from robustness.damage.bytes import damage_bytes
from robustness.damage.ogg_checksums import correct_checksums
from robustness.outcome_table import report_problems, table
from robustness.watched_processes import Check, Outcome, watch
from speech_autoencoder.audio.levels import Levels
from speech_autoencoder.audio.log_mel import mel_filters, mel_spectrogram_stream, normalise
from speech_autoencoder.audio.reading import describe, read, read_stream
from speech_autoencoder.audio.resampling import resampled_length
from speech_autoencoder.config import CLASSIC

RECORDING = ROOT / "speechdata" / "testing" / "en-allison" / "70_allison_digits.flac"
_SR = 16_000  # Hz; every format below has it, but that of AMR
_SR_OF_AMR = 8_000
_SECONDS = 0.4  # enough for some frames, and quick to read
_CHECKSUM_SHARE = 0.7  # of the Ogg mutants: decoders skip pages with a wrong checksum


class Kind(NamedTuple):
    """A family of formats: its name in the table, the suffix of its files, the library's formats and codings.

    For PyAV, a format may be followed by an option ("mp4:movflags=dash") or by a coding of pictures ("mp4+mpeg4").
    """

    name: str
    suffix: str
    formats: str
    subtypes: str
    library: str = "libsndfile"


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
    Kind("MP4", ".m4a", "ipod mp4", "aac alac libopus libmp3lame flac", "PyAV"),
    Kind("MP4, fragmented", ".mp4", "mp4:movflags=frag_keyframe+empty_moov mp4:movflags=dash", "aac libopus", "PyAV"),
    Kind("QuickTime", ".mov", "mov", "aac alac pcm_s16le pcm_s24be pcm_f32le adpcm_ima_qt", "PyAV"),
    Kind("3GP", ".3gp", "3gp 3g2", "libopencore_amrnb aac", "PyAV"),
    Kind("AMR, AAC", ".aac", "amr adts latm", "libopencore_amrnb aac", "PyAV"),
    Kind("WebM", ".webm", "webm", "libopus vorbis", "PyAV"),
    Kind("Matroska", ".mka", "matroska", "aac libopus vorbis flac libmp3lame pcm_f64le", "PyAV"),
    Kind("WMA", ".wma", "asf", "wmav1 wmav2", "PyAV"),
    Kind(
        "videos",
        ".mp4",
        "mp4+mpeg4 mov+mpeg4 matroska+mpeg4 webm+libvpx avi+mpeg4 mpegts+mpeg2video asf+mpeg4",
        "aac libopus libmp3lame mp2 wmav2",
        "PyAV",
    ),
    Kind("WavPack, TTA, AC-3", ".wv", "wv tta ac3 eac3", "wavpack tta ac3 eac3", "PyAV"),
)


def kinds_of(library: str) -> list[int]:
    """Return the indices in KINDS of what a library reads."""
    return [index for index, kind in enumerate(KINDS) if kind.library == library]


@cache
def undamaged(kind: int) -> list[bytes]:
    """Return sound files of a kind (an index of KINDS), mono and stereo."""
    write = _written if KINDS[kind].library == "libsndfile" else _written_by_pyav
    found = [
        write(file_format, subtype, channels)
        for file_format in KINDS[kind].formats.split()
        for subtype in KINDS[kind].subtypes.split()
        for channels in (1, 2)
    ]
    return [content for content in found if content]


@cache
def _waveform(sr: int) -> np.ndarray:
    """Return some speech."""
    return soxr.resample(read(RECORDING), describe(RECORDING).sr, sr)[: int(_SECONDS * sr)]


def _written(file_format: str, subtype: str, channels: int) -> bytes:
    """Return a file written by libsndfile, empty if it writes none of that kind, such as a format of one channel."""
    content = io.BytesIO()
    try:
        sf.write(content, np.repeat(_waveform(_SR)[:, None], channels, axis=1), _SR, subtype, format=file_format)
    except sf.SoundFileError:
        return b""
    return content.getvalue()


def _written_by_pyav(file_format: str, codec: str, channels: int) -> bytes:
    """Return a file written by PyAV, empty if it writes none of that kind."""
    container, _, option = file_format.partition(":")
    container, _, video = container.partition("+")
    sr = _SR_OF_AMR if "amr" in codec else _SR
    sound = np.repeat(_waveform(sr)[None], channels, axis=0)
    options = dict([option.split("=")]) if option else {}
    try:
        return pyav_files.write_media(sound, sr, container, codec, options=options, video=video)
    except (ValueError, OSError, RuntimeError):  # PyAV's own are among them
        return b""


def mutant(seed: int, number: int, library: str = "libsndfile") -> tuple[Kind, bytes]:
    """Return the (kind, content) of the damaged file of this number, always the same for a seed."""
    kinds = kinds_of(library)
    rng, index = np.random.default_rng([seed, number]), kinds[number % len(kinds)]
    files = undamaged(index)
    other = undamaged(kinds[int(rng.integers(len(kinds)))])
    content = damage_bytes(files[int(rng.integers(len(files)))], rng, other[int(rng.integers(len(other)))])
    if KINDS[index].formats == "OGG" and rng.random() < _CHECKSUM_SHARE:
        content = correct_checksums(content)
    return KINDS[index], content


def prepare(seed: int, library: str, folder: Path) -> Check:
    """Return check(number), which reads the mutant of that number and returns its duration in words."""
    mel_filters(CLASSIC)  # takes time once, which no mutant is charged for

    def check(number: int) -> str:
        kind, content = mutant(seed, number, library)
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


def fuzz(
    n_files: int, *, seed: int, workers: int, first: int = 0, library: str = "libsndfile"
) -> Iterator[tuple[str, Outcome]]:
    """Yield the (kind, Outcome) of `n_files` mutants of what a library reads, from number `first` on."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = range(first, first + n_files)
        kinds = kinds_of(library)
        for outcome in watch(partial(prepare, seed, library, Path(folder)), numbers, workers=workers):
            yield KINDS[kinds[outcome.item % len(kinds)]].name, outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000, help="damaged files to read")
    parser.add_argument("--first", type=int, default=0, help="the number of the first of them")
    parser.add_argument("--library", default="libsndfile", choices=("libsndfile", "PyAV"), help="what reads them")
    parser.add_argument("--seed", type=int, default=0, help="of the damage")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    args = parser.parse_args()
    outcomes = fuzz(args.files, seed=args.seed, workers=args.workers, first=args.first, library=args.library)
    print(table(outcomes, report_problems))


if __name__ == "__main__":
    main()
