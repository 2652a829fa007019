"""Read every audio file below a folder with this program and with ffmpeg, and list where they differ.

    python -m robustness.odd_files FOLDER
    python -m robustness.odd_files FOLDER --salvage --ffmpeg /path/to/ffmpeg

Listed are lengths that differ by more than 1 %, files that the program refuses although ffmpeg reads them, and files
of which the two functions `describe` and `read` give different lengths. The table at the end counts the outcomes. If
there is no ffmpeg, the files are only read with the program.

What libsndfile does not read, the program reads by PyAV, where it is installed.

Odd files worth having, from the tests of public projects on GitHub:

- Picovoice/wake-word-benchmark, audio/alexa: 14 of 329 FLAC files, such as 32.flac, have frames with wrong checksums.
- ietf-wg-cellar/flac-test-files: 12 and 20 bits (subset/22, 37, 62), no length (45), wrong headers (faulty).
- Borewit/music-metadata, test/samples: MP3, OGG and FLAC that are cut short, junk between pages, wav/mpeglayer3.wav.
- taglib/taglib, tests/data: vbri.mp3, garbage.mp3, multiplex.ogg, empty-seektable.flac.
- quodlibet/mutagen, tests/data: tables of contents that are wrong (bad-xing.mp3), variable-block.flac.
- tinytag/tinytag, tinytag/tests/samples: MP3 in WAV (mp3_audio.wav), tags between frames (id3_frames.mp3).
- lieff/minimp3, vectors: modes that change (l3-he_mode), an incomplete last frame (l3-compl), l3-test45.
- scipy/scipy, scipy/io/tests/data: WAV files that are big-endian, of odd depths, inconsistent.
- jiaaro/pydub, RustAudio/rodio, mewkiz/flac, go-audio/wav, go-audio/aiff: wrong suffixes, FLAC in OGG.
"""

import argparse
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import describe, read
from speech_autoencoder.cli.options import to_path
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable

_TOLERANCE = 0.01
_MOST_S = 120  # for ffmpeg to read a file
_BYTES = 4  # of a sample


class Outcome(NamedTuple):
    """What came of a file: the row of the table, and what to say of it, if anything."""

    row: str
    line: str


# The rows of the table; all but the first two and the last are listed file by file.
ROWS = (
    "read, as long as by ffmpeg",
    "refused, also by ffmpeg",
    "read, another length than by ffmpeg",
    "refused, read by ffmpeg",
    "read, refused by ffmpeg",
    "described and read with different lengths",
    "failed",
    "read (there is no ffmpeg)",
    "refused (there is no ffmpeg)",
)


def ffmpeg_length_s(ffmpeg: str, path: Path) -> float | None:
    """Return the seconds of sound that ffmpeg reads from a file, at 48 kHz mono, or None if it reads none."""
    command = [ffmpeg, "-nostdin", "-v", "quiet", "-i", f"file:{path}", "-map", "0:a:0", "-ac", "1", "-ar", "48000"]
    command += ["-f", "f32le", "-"]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            n_bytes = 0
            while process.stdout and (block := process.stdout.read(1 << 20)):
                n_bytes += len(block)
            process.wait(_MOST_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return n_bytes / _BYTES / 48_000 or None


def compare(path: Path, ffmpeg: str | None, **options: bool) -> Outcome:
    """Return how the program and ffmpeg read a file."""
    theirs = ffmpeg_length_s(ffmpeg, path) if ffmpeg else None
    said = f"ffmpeg reads {theirs:.2f} s" if theirs else "ffmpeg reads nothing" if ffmpeg else ""
    try:
        recording = describe(path, **options)
        n_samples = len(read(path, **options))
    except InputError as error:
        row = "refused, read by ffmpeg" if theirs else "refused, also by ffmpeg"
        return Outcome(row if ffmpeg else "refused (there is no ffmpeg)", f"{error} {said}")
    except Exception as error:  # what this script is there to find
        return Outcome("failed", f"{type(error).__name__}: {error}")
    ours = n_samples / recording.sr
    if n_samples != recording.n_samples:
        return Outcome(
            "described and read with different lengths", f"{recording.n_samples:,} and {n_samples:,} samples"
        )
    note = getattr(recording, "note", "")
    if not ffmpeg:
        return Outcome("read (there is no ffmpeg)", note)
    if theirs is None:
        return Outcome("read, refused by ffmpeg", f"{ours:.2f} s {note}")
    if abs(ours - theirs) > _TOLERANCE * theirs:
        return Outcome("read, another length than by ffmpeg", f"{ours:.2f} s; {said}; {note or 'without a note'}")
    return Outcome("read, as long as by ffmpeg", note)


def audio_files(folder: Path, *, every: bool) -> Iterator[str]:
    """Yield the names of the recordings below a folder, as the program finds them, or of all files."""
    if not every:
        yield from find_recordings(folder)
        return
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name).relative_to(folder).as_posix() for name in sorted(names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=to_path, metavar="FOLDER")
    parser.add_argument("--ffmpeg", default=shutil.which("ffmpeg"), help="the program to compare with")
    parser.add_argument("--every", action="store_true", help="read all files, whatever their suffixes")
    parser.add_argument("--salvage", action="store_true", help="read what can be decoded of files that are not whole")
    parser.add_argument("--verbose", action="store_true", help="list every file")
    args = parser.parse_args()
    if not args.ffmpeg:
        print("There is no ffmpeg here: the files are only read with the program.")
    counts: Counter[str] = Counter()
    options = {"salvage": True} if args.salvage else {}
    for name in audio_files(args.folder, every=args.every):
        outcome = compare(args.folder / name, args.ffmpeg, **options)
        counts[outcome.row] += 1
        if args.verbose or outcome.row not in (*ROWS[:2], "read (there is no ffmpeg)"):
            print(f"{printable(name)}: {outcome.row}: {printable(outcome.line)}".rstrip(": "))
    print("\n| outcome | files |\n|---|---|")
    for row in ROWS:
        if counts[row]:
            print(f"| {row} | {counts[row]:,} |")
    print(f"| all | {counts.total():,} |")


if __name__ == "__main__":
    main()
