"""Damaged recordings of many formats, read as the generators read them: each is used, or left out with a reason.

python -m robustness.fuzz_audio --files 20000
"""

import argparse
import io
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from robustness.mutants import damaged
from robustness.watched import Outcome, table, tell, watch
from speech_autoencoder.audio.levels import Levels
from speech_autoencoder.audio.log_mel import mel_filters, mel_spectrogram_stream, normalise
from speech_autoencoder.audio.recordings import describe, read, read_stream
from speech_autoencoder.config import CLASSIC

SOURCE = Path(__file__).parents[2] / "speechdata" / "testing" / "en-allison" / "70_allison_digits.flac"
# name, suffix, libsndfile's format, subtypes.
KINDS = (
    ("WAV", ".wav", "WAV", "PCM_16 PCM_U8 PCM_24 FLOAT DOUBLE ULAW IMA_ADPCM MS_ADPCM GSM610"),
    ("WAVEX", ".wav", "WAVEX", "PCM_16 FLOAT"),
    ("FLAC", ".flac", "FLAC", "PCM_16 PCM_S8"),
    ("OGG Vorbis", ".ogg", "OGG", "VORBIS"),
    ("OGG Opus", ".opus", "OGG", "OPUS"),
    ("MP3", ".mp3", "MP3", "MPEG_LAYER_III"),
    ("AIFF", ".aiff", "AIFF", "PCM_16 FLOAT ULAW IMA_ADPCM"),
    ("CAF", ".caf", "CAF", "PCM_16 ALAC_16"),
    ("AU, W64, RF64, VOC, NIST", ".au", "AU W64 RF64 VOC NIST", "PCM_16"),
    ("MAT, PAF, SVX, IRCAM, PVF, SDS", ".mat", "MAT4 MAT5 PAF SVX IRCAM PVF SDS", "PCM_16"),
)
_SR, _SECONDS = 16_000, 0.4
_OGG_TABLE = []


@cache
def originals(kind: int) -> list[bytes]:
    """Sound files of a kind, mono and stereo."""
    _, _, formats, subtypes = KINDS[kind]
    waveform = soxr.resample(read(SOURCE), describe(SOURCE).sr, _SR)[: int(_SECONDS * _SR)]
    out = []
    for file_format in formats.split():
        for subtype in subtypes.split():
            for channels in (1, 2):
                sound = np.repeat(waveform[:, None], channels, axis=1)
                content = io.BytesIO()
                try:
                    sf.write(content, sound, _SR, subtype, format=file_format)
                except sf.SoundFileError:
                    continue  # a format of one channel
                out.append(content.getvalue())
    return out


def mutant(seed: int, number: int) -> tuple[str, str, bytes]:
    """(kind, suffix, content) of the damaged file of this number: the same for the same seed."""
    rng, kind = np.random.default_rng([seed, number]), number % len(KINDS)
    files = originals(kind)
    other = originals(int(rng.integers(len(KINDS))))
    content = damaged(files[int(rng.integers(len(files)))], rng, other[int(rng.integers(len(other)))])
    if KINDS[kind][2] == "OGG" and rng.random() < 0.7:
        content = with_right_checksums(content)  # else most would be passed over before they are decoded
    return KINDS[kind][0], KINDS[kind][1], content


def with_right_checksums(content: bytes) -> bytes:
    """An Ogg stream whose pages have the checksums that they should have (RFC 3533)."""
    out, at = bytearray(content), content.find(b"OggS")
    while 0 <= at < len(out) - 27:
        n_segments = out[at + 26]
        end = at + 27 + n_segments + sum(out[at + 27 : at + 27 + n_segments])
        out[at + 22 : at + 26] = bytes(4)
        out[at + 22 : at + 26] = _ogg_checksum(out[at:end]).to_bytes(4, "little")
        at = out.find(b"OggS", max(end, at + 4))
    return bytes(out)


def _ogg_checksum(page):
    """The CRC of a page: the polynomial 0x04C11DB7, highest bit first, from 0."""
    if not _OGG_TABLE:
        for byte in range(256):
            value = byte << 24
            for _ in range(8):
                value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
            _OGG_TABLE.append(value)
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[checksum >> 24 ^ byte]
    return checksum


def prepare(seed: int, folder: Path):
    """A function number -> what came of reading that mutant."""
    mel_filters(CLASSIC)  # which takes its time once

    def check(number):
        _, suffix, content = mutant(seed, number)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            path = Path(place, f"mutant{suffix}")
            path.write_bytes(content)
            recording = describe(path)
            levels = Levels(recording.sr)
            n_frames = 0
            for chunk in mel_spectrogram_stream(read_stream(path, CLASSIC.sr, levels), CLASSIC):
                frames = normalise(chunk, CLASSIC)
                if not (frames.min() >= 0 and frames.max() <= 1):
                    raise ArithmeticError("features outside of [0, 1]")
                n_frames += frames.shape[1]
            if n_frames != CLASSIC.count_frames(-(-levels.n_samples * CLASSIC.sr // recording.sr)):
                raise ArithmeticError(f"{levels.n_samples} samples became {n_frames} frames")
            return f"{recording.duration_s:.2f} s"

    return check


def fuzz(n_files: int, seed: int, workers: int, first: int = 0) -> Iterator[tuple[str, Outcome]]:
    """(kind, Outcome) of so many mutants from number `first` on."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = range(first, first + n_files)
        for outcome in watch(partial(prepare, seed, Path(folder)), numbers, workers=workers):
            yield KINDS[outcome.item % len(KINDS)][0], outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="the first mutant's number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    print(table(fuzz(args.files, args.seed, args.workers, args.first), tell))


if __name__ == "__main__":
    main()
