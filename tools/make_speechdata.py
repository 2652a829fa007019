"""Make speechdata/training and speechdata/testing again from Debian's Asterisk prompt packages.

The recordings are the spoken digits, letters and spelling-alphabet words of the packages
asterisk-core-sounds-{en,es,fr,it,ru}-g722. The script gets and unpacks the packages, decodes the
G.722 files to 16 kHz mono, keeps the clips of 0.3 to 1.5 s, drops exact duplicates, keeps clips
that sound nearly the same on one side, splits the rest about 80 to 20 within every language and
kind, and writes FLAC files, split.csv and the licence text. It prints the counts as a Markdown table.

How to run it (needs ffmpeg and dpkg-deb; the first form also needs apt-get):

    python tools/make_speechdata.py
    python tools/make_speechdata.py --packages-dir DIR    # DIR holds the five .deb files

Two runs write the same bytes. The folder is built next to the old one and swapped in when it is
complete; files in it that the script does not make, such as README.md, are kept.
"""

import argparse
import csv
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy import fft, signal

SAMPLE_RATE = 16000
PACKAGE_VERSION = "1.6.1-1"
VOICES = {"en": "allison", "es": "allison", "fr": "june", "it": "carlo", "ru": "ivrvoice"}
KINDS = ("digits", "letters", "phonetic")
DURATION_RANGE_S = (0.3, 1.5)
TESTING_SHARE = 0.2

# Copies made with other trimming, gain and a second coding score 0.67 to 1 (median 0.99); the clips of
# these packages score at most 0.42 with each other.
WAVEFORM_THRESHOLD = 0.5
# Above this, two takes are the same word said the same way, or words as close as "b" and "d".
LOG_MEL_THRESHOLD = 0.85

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
    arguments = parser.parse_args()
    try:
        make_speechdata(output=arguments.output.resolve(), packages_dir=arguments.packages_dir)
    except SpeechdataError as error:
        print(f"make_speechdata: {error}", file=sys.stderr)
        return 2
    return 0


def make_speechdata(*, output, packages_dir):
    require_program("ffmpeg", debian_package="ffmpeg")
    require_program("dpkg-deb", debian_package="dpkg")
    output.parent.mkdir(parents=True, exist_ok=True)
    # On the same file system as the output, so that the finished folder can be swapped in by renaming.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".speechdata-") as workspace:
        workspace = Path(workspace)
        unpacked = unpack_packages(packages_dir=packages_dir, workspace=workspace)
        clips = select_clips(read_clips(unpacked))
        waveform_similarity, log_mel_similarity = similarity_matrices(clips)
        alike = (waveform_similarity >= WAVEFORM_THRESHOLD) | (log_mel_similarity >= LOG_MEL_THRESHOLD)
        groups = connected_components(alike)
        in_testing = choose_testing(clips, groups)

        new = workspace / "new"
        write_folder(new, clips=clips, groups=groups, in_testing=in_testing)
        write_licence(new / "LICENSES", unpacked=unpacked)
        swap_in(new, output=output, workspace=workspace)

    print(summary_table(clips, in_testing))
    across = np.ix_(in_testing, ~in_testing)
    print()
    print(f"clips in a group with others: {sum(n for n in Counter(groups).values() if n > 1)}")
    print(f"largest waveform similarity: {waveform_similarity.max():.3f}")
    print(f"largest waveform similarity between the sides: {waveform_similarity[across].max():.3f}")
    print(f"largest log-mel similarity between the sides: {log_mel_similarity[across].max():.3f}")


# Packages and clips


def require_program(name, *, debian_package):
    if shutil.which(name) is None:
        raise SpeechdataError(f"{name} not found: install the package {debian_package}")


def package_name(language):
    return f"asterisk-core-sounds-{language}-g722"


def unpack_packages(*, packages_dir, workspace):
    """Unpack the package of each language; return {language: folder}."""
    if packages_dir is None:
        packages_dir = workspace / "packages"
        packages_dir.mkdir()
        download_packages(packages_dir)
    unpacked = {}
    for language in VOICES:
        package = packages_dir / f"{package_name(language)}_{PACKAGE_VERSION}_all.deb"
        if not package.is_file():
            wanted = f"{package_name(language)}={PACKAGE_VERSION}"
            raise SpeechdataError(f"{package} is missing: get it with apt-get download {wanted}")
        unpacked[language] = workspace / "unpacked" / language
        unpacked[language].mkdir(parents=True)
        run(["dpkg-deb", "-x", package, unpacked[language]], problem=f"cannot unpack {package}")
    return unpacked


def download_packages(folder):
    require_program("apt-get", debian_package="apt (or use --packages-dir)")
    wanted = [f"{package_name(language)}={PACKAGE_VERSION}" for language in VOICES]
    run(
        ["apt-get", "-q", "download", *wanted],
        cwd=folder,
        problem="apt-get cannot get asterisk-core-sounds-{en,es,fr,it,ru}-g722 "
        f"{PACKAGE_VERSION} (run apt-get update, or use --packages-dir)",
    )


def run(command, *, problem, cwd=None):
    result = subprocess.run(command, check=False, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True)
    if result.returncode != 0:
        lines = result.stderr.decode(errors="replace").split("\n")
        reason = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        raise SpeechdataError(f"{problem}: {reason}")
    return result.stdout


def read_clips(unpacked):
    """Decode every clip of the wanted kinds, in an order that does not depend on the file system."""
    clips = []
    for language, folder in unpacked.items():
        for kind in KINDS:
            sources = sorted(folder.glob(f"usr/share/asterisk/sounds/*/{kind}/*.g722"))
            if not sources:
                raise SpeechdataError(f"{package_name(language)} {PACKAGE_VERSION} has no {kind} clips")
            for source in sources:
                clips.append(
                    Clip(
                        language=language,
                        kind=kind,
                        prompt=source.stem.replace("_", "-"),
                        source_path=source.relative_to(folder).as_posix(),
                        samples=decode(source),
                    )
                )
    names = Counter(clip.name.lower() for clip in clips)
    clashes = [name for name, count in names.items() if count > 1]
    if clashes:
        raise SpeechdataError(f"two clips have the name {clashes[0]}")
    return clips


def decode(source):
    """The 16-bit samples of one G.722 file."""
    output_format = ["-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "-"]
    raw = run(
        ["ffmpeg", "-v", "error", "-nostdin", "-f", "g722", "-i", source, *output_format],
        problem=f"ffmpeg cannot decode {source.name}",
    )
    return np.frombuffer(raw, dtype="<i2")


def select_clips(clips):
    """Keep the clips of the wanted duration, and the first of those with identical samples."""
    shortest, longest = DURATION_RANGE_S
    different = {}
    for clip in clips:
        if shortest <= clip.duration <= longest:
            different.setdefault(clip.sha256, clip)
    return list(different.values())


# Near copies


def similarity_matrices(clips):
    """How alike two clips of one voice are, by waveform and by log-mel spectrogram: two (n, n) arrays.

    Clips of different voices get 0: they cannot be copies of one take.
    """
    waveform_similarity = np.zeros((len(clips), len(clips)), dtype=np.float32)
    log_mel_similarity = np.zeros_like(waveform_similarity)
    for voice in sorted(set(VOICES.values())):
        indices = [index for index, clip in enumerate(clips) if clip.voice == voice]
        waveforms = [pre_emphasised(trimmed(clips[index].samples)) for index in indices]
        pairs = np.ix_(indices, indices)
        waveform_similarity[pairs] = peak_cross_correlation([waveform[None] for waveform in waveforms])
        log_mel_similarity[pairs] = peak_cross_correlation([log_mel(waveform) for waveform in waveforms])
    return waveform_similarity, log_mel_similarity


def trimmed(samples, *, frame=160, threshold_db=-40.0):
    """The samples without the frames at both ends that are far below the loudest frame."""
    samples = samples.astype(np.float32)
    energy = (samples[: len(samples) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (threshold_db / 10))
    return samples[loud[0] * frame : (loud[-1] + 1) * frame]


def pre_emphasised(waveform):
    # Without it the fundamental dominates, and two different vowels of one pitch correlate up to 0.8.
    return signal.lfilter([1, -0.97], [1], waveform).astype(np.float32)


def log_mel(waveform, *, n_fft=512, hop=80, bands=40, floor_db=-50.0):
    """Log-mel spectrogram less its mean, so that gain does not count: (bands, frames)."""
    padded = np.pad(waveform, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    power = np.abs(fft.rfft(frames * np.hanning(n_fft).astype(np.float32))) ** 2
    mel = mel_filters(n_fft=n_fft, bands=bands) @ power.T
    log = np.log(np.maximum(mel, mel.max() * 10 ** (floor_db / 10)))
    return (log - log.mean()).astype(np.float32)


def mel_filters(*, n_fft, bands):
    """Triangular filters, equally spaced in mel: (bands, n_fft // 2 + 1)."""
    highest_mel = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest_mel, bands + 2) / 2595) - 1)
    frequencies = np.arange(n_fft // 2 + 1) * SAMPLE_RATE / n_fft
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - low) / (centre - low)
    falling = (high - frequencies) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling))


def peak_cross_correlation(features):
    """Largest normalised cross-correlation over all lags, for every pair of (channels, time) arrays.

    The sign does not count: a copy with inverted polarity is a copy. The diagonal is 0.
    """
    size = fft.next_fast_len(2 * max(feature.shape[1] for feature in features), real=True)
    spectra = np.stack([fft.rfft(feature, size, axis=1) for feature in features])
    norms = np.array([np.linalg.norm(feature) for feature in features])
    similarity = np.zeros((len(features), len(features)), dtype=np.float32)
    for index in range(len(features) - 1):
        cross_spectra = (spectra[index + 1 :] * spectra[index].conj()).sum(axis=1)
        peaks = np.abs(fft.irfft(cross_spectra, size, axis=1)).max(axis=1)
        similarity[index, index + 1 :] = peaks / (norms[index] * norms[index + 1 :])
    return similarity + similarity.T


def connected_components(alike):
    """For each clip, the index of the first clip of its group."""
    groups = np.arange(len(alike))
    for first, second in zip(*np.nonzero(np.triu(alike)), strict=True):
        low, high = sorted((groups[first], groups[second]))
        groups[groups == high] = low
    return groups.tolist()


# Split


def choose_testing(clips, groups):
    """Which clips are for testing, as a boolean array.

    Whole groups are taken, in the order of a hash of their first clip's name, as long as no
    language and kind gets more than its share. Groups of one clip fill what larger ones leave.
    """
    room = {cell: round(TESTING_SHARE * n) for cell, n in Counter(clip.cell for clip in clips).items()}
    in_testing = np.zeros(len(clips), dtype=bool)
    order = sorted(set(groups), key=lambda group: hashlib.sha256(clips[group].name.encode()).hexdigest())
    for group in order:
        members = [index for index, other in enumerate(groups) if other == group]
        needed = Counter(clips[index].cell for index in members)
        if all(count <= room[cell] for cell, count in needed.items()):
            in_testing[members] = True
            for cell, count in needed.items():
                room[cell] -= count
    return in_testing


# Output


def write_folder(folder, *, clips, groups, in_testing):
    group_numbers = {group: number for number, group in enumerate(sorted(set(groups)), start=1)}
    rows = []
    for clip, group, testing in zip(clips, groups, in_testing, strict=True):
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
                "duration_s": f"{clip.duration:.4f}",
                "sha256": clip.sha256,
                "group": group_numbers[group],
                "source_package": f"{package_name(clip.language)}_{PACKAGE_VERSION}",
                "source_path": clip.source_path,
            }
        )
    rows.sort(key=lambda row: row["path"])
    with (folder / "split.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_licence(folder, *, unpacked):
    texts = {
        (root / "usr/share/doc" / package_name(language) / "copyright").read_bytes()
        for language, root in unpacked.items()
    }
    if len(texts) != 1:
        raise SpeechdataError("the packages' copyright files differ: use five packages of one version")
    folder.mkdir()
    (folder / "asterisk-core-sounds.txt").write_bytes(texts.pop())


def swap_in(new, *, output, workspace):
    """Put the new folder where the old one is, with the old one's files that are not generated."""
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


def summary_table(clips, in_testing):
    """Clips and seconds per language, kind and side, as a Markdown table."""
    lines = [
        "| Language | Kind | Training clips | Training seconds | Testing clips | Testing seconds |",
        "|---|---|---:|---:|---:|---:|",
    ]
    durations = np.array([clip.duration for clip in clips])
    cells = list(dict.fromkeys(clip.cell for clip in clips))
    for cell in [*cells, ("all", "all")]:
        here = np.array([cell in (clip.cell, ("all", "all")) for clip in clips])
        numbers = []
        for side in (here & ~in_testing, here & in_testing):
            numbers += [str(side.sum()), f"{durations[side].sum():.1f}"]
        lines.append(f"| {' | '.join([*cell, *numbers])} |")
    return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Clip:
    language: str
    kind: str
    prompt: str
    source_path: str
    samples: np.ndarray

    @property
    def voice(self):
        return VOICES[self.language]

    @property
    def cell(self):
        return self.language, self.kind

    @property
    def name(self):
        """Path of the file within its side, without suffix."""
        return f"{self.language}-{self.voice}/{self.prompt}_{self.voice}_{self.kind}"

    @property
    def duration(self):
        return len(self.samples) / SAMPLE_RATE

    @property
    def sha256(self):
        """Of the decoded 16-bit little-endian samples, which do not depend on the FLAC encoder."""
        return hashlib.sha256(self.samples.tobytes()).hexdigest()


class SpeechdataError(Exception):
    """Something that the user can put right; the message is one line."""


if __name__ == "__main__":
    sys.exit(main())
