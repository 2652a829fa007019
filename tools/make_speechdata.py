"""Make speechdata/training and speechdata/testing again from Debian's Asterisk prompt packages.

The recordings are the spoken digits, letters and spelling-alphabet words of the packages
asterisk-core-sounds-{en,es,fr,it,ru}-g722. The tool gets and unpacks the packages, decodes the
G.722 files to 16 kHz mono, keeps the clips of 0.3 to 1.5 s, drops exact duplicates, keeps clips
that sound nearly the same on one side, splits the rest about 80 to 20 within every language and
kind, and writes FLAC files, split.csv and the licence text. It prints the counts as a Markdown table.

How to run it, in the project's folder (needs ffmpeg and dpkg-deb; the first form also needs apt-get):

    python -m tools.make_speechdata
    python -m tools.make_speechdata --packages-dir DIR    # DIR holds the five .deb files

Two runs write the same bytes. The folder is built next to the old one and swapped in when it is
complete; files in it that the tool does not make, such as README.md, are kept.
"""

import argparse
import csv
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

from tools.speechdata_clips import (
    PACKAGE_VERSION,
    SAMPLE_RATE,
    Clip,
    SpeechdataError,
    package_name,
    read_clips,
    require_program,
    select_clips,
    unpack_packages,
)
from tools.speechdata_split import Split, split_clips

GENERATED = ("training", "testing", "split.csv", "LICENSES")
COLUMNS = (
    "side",
    "path",
    "language",
    "voice",
    "kind",
    "prompt",
    "duration_s",
    "sha256",
    "group",
    "source_package",
    "source_path",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).resolve().parent.parent / "speechdata",
        help="folder to make (default: speechdata in the project)",
    )
    parser.add_argument(
        "--packages-dir",
        type=Path,
        help="folder with the .deb files (default: fetch them with apt-get download)",
    )
    args = parser.parse_args()
    try:
        make_speechdata(args.output.resolve(), packages_dir=args.packages_dir)
    except SpeechdataError as error:
        print(f"make_speechdata: {error}", file=sys.stderr)
        return 2
    return 0


def make_speechdata(output: Path, *, packages_dir: Path | None) -> None:
    """Make the folder `output`, from downloaded packages if packages_dir is None; print what is in it."""
    require_program("ffmpeg", debian_package="ffmpeg")
    require_program("dpkg-deb", debian_package="dpkg")
    require_only_generated(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    # On the same file system as the output, so that the finished folder can be swapped in by renaming.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".speechdata-") as name:
        workspace = Path(name)
        unpacked = unpack_packages(packages_dir, workspace=workspace)
        clips = select_clips(read_clips(unpacked))
        split = split_clips(clips)
        new = workspace / "new"
        write_folder(new, clips=clips, split=split)
        write_licence(new / "LICENSES", unpacked=unpacked)
        swap_in(new, output=output, workspace=workspace)
    print(summary_table(clips, split.in_testing))
    across = np.ix_(split.in_testing, ~split.in_testing)
    print()
    print(f"clips in a group with others: {sum(n for n in Counter(split.groups).values() if n > 1)}")
    print(f"largest waveform similarity: {split.waveform_similarity.max():.3f}")
    print(f"largest waveform similarity between the sides: {split.waveform_similarity[across].max():.3f}")
    print(f"largest log-mel similarity between the sides: {split.log_mel_similarity[across].max():.3f}")


def require_only_generated(output: Path) -> None:
    """Raise SpeechdataError if a file would be lost when the folders in `output` that are generated are replaced."""
    table = output / "split.csv"
    listed: set[str] = set()
    if table.exists():
        with table.open(newline="", encoding="utf-8") as file:
            listed = {row["path"] for row in csv.DictReader(file) if row.get("path")}
    for side in ("training", "testing"):
        for path in (output / side).rglob("*"):
            if not path.is_dir() and path.relative_to(output).as_posix() not in listed:
                raise SpeechdataError(f"{path} was not made by this tool, and would be lost: name another --output")


def write_folder(folder: Path, *, clips: list[Clip], split: Split) -> None:
    """Write the FLAC files of both sides and split.csv."""
    group_numbers = {group: number for number, group in enumerate(sorted(set(split.groups)), start=1)}
    rows = []
    for clip, group, testing in zip(clips, split.groups, split.in_testing, strict=True):
        side = "testing" if testing else "training"
        path = Path(side) / f"{clip.name}.flac"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, clip.samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        rows.append(
            {
                "side": side,
                "path": path.as_posix(),
                "language": clip.language,
                "voice": clip.voice,
                "kind": clip.kind,
                "prompt": clip.prompt,
                "duration_s": f"{clip.duration_s:.4f}",
                "sha256": clip.sha256,
                "group": group_numbers[group],
                "source_package": f"{package_name(clip.language)}_{PACKAGE_VERSION}",
                "source_path": clip.source_path,
            }
        )
    rows.sort(key=lambda row: str(row["path"]))
    with (folder / "split.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_licence(folder: Path, *, unpacked: dict[str, Path]) -> None:
    """Write the licence text, which all packages must share."""
    texts = {
        (root / "usr/share/doc" / package_name(language) / "copyright").read_bytes()
        for language, root in unpacked.items()
    }
    if len(texts) != 1:
        raise SpeechdataError("the packages' copyright files differ: use five packages of one version")
    folder.mkdir()
    (folder / "asterisk-core-sounds.txt").write_bytes(texts.pop())


def swap_in(new: Path, *, output: Path, workspace: Path) -> None:
    """Put the new folder in the place of the old one, with the old one's files that are not generated."""
    if output.exists():
        for entry in output.iterdir():
            if entry.name in GENERATED:
                continue
            if entry.is_dir():
                shutil.copytree(entry, new / entry.name)
            else:
                shutil.copy2(entry, new / entry.name)
        output.rename(workspace / "old")
    new.rename(output)


def summary_table(clips: list[Clip], in_testing: np.ndarray) -> str:
    """Return clips and seconds per language, kind and side, as a Markdown table."""
    lines = [
        "| Language | Kind | Training clips | Training seconds | Testing clips | Testing seconds |",
        "|---|---|---:|---:|---:|---:|",
    ]
    durations = np.array([clip.duration_s for clip in clips])
    cells = list(dict.fromkeys(clip.cell for clip in clips))
    for cell in [*cells, ("all", "all")]:
        here = np.array([cell in (clip.cell, ("all", "all")) for clip in clips])
        numbers = []
        for side in (here & ~in_testing, here & in_testing):
            numbers += [str(side.sum()), f"{durations[side].sum():.1f}"]
        lines.append(f"| {' | '.join([*cell, *numbers])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
