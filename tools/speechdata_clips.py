"""Clips of Debian's Asterisk prompt packages: fetch and unpack the packages, decode and select the G.722 files."""

import hashlib
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16_000  # Hz, that of G.722
PACKAGE_VERSION = "1.6.1-1"
VOICES = {"en": "allison", "es": "allison", "fr": "june", "it": "carlo", "ru": "ivrvoice"}  # by language
KINDS = ("digits", "letters", "phonetic")
DURATION_RANGE_S = (0.3, 1.5)  # of the clips that are kept


class SpeechdataError(Exception):
    """A problem that the user can solve; the message is one line."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A decoded prompt: int16 samples at SAMPLE_RATE, and where it comes from."""

    language: str
    kind: str
    prompt: str
    source_path: str
    samples: np.ndarray

    @property
    def voice(self) -> str:
        """The name of the speaker."""
        return VOICES[self.language]

    @property
    def cell(self) -> tuple[str, str]:
        """The language and kind, of which training and testing get their shares."""
        return self.language, self.kind

    @property
    def name(self) -> str:
        """The path of the file within its side, without suffix."""
        return f"{self.language}-{self.voice}/{self.prompt}_{self.voice}_{self.kind}"

    @property
    def duration_s(self) -> float:
        """The duration in seconds."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def sha256(self) -> str:
        """The hash of the 16-bit little-endian samples, which does not depend on the FLAC encoder."""
        return hashlib.sha256(self.samples.tobytes()).hexdigest()


def require_program(name: str, *, debian_package: str) -> None:
    """Raise SpeechdataError if a program is not installed."""
    if shutil.which(name) is None:
        raise SpeechdataError(f"{name} not found: install the package {debian_package}")


def package_name(language: str) -> str:
    """Return the name of the Debian package of a language."""
    return f"asterisk-core-sounds-{language}-g722"


def unpack_packages(packages_dir: Path | None, *, workspace: Path) -> dict[str, Path]:
    """Unpack the package of each language below workspace, after a download if packages_dir is None.

    Returns {language: folder}.
    """
    if packages_dir is None:
        packages_dir = workspace / "packages"
        packages_dir.mkdir()
        _download_packages(packages_dir)
    unpacked = {}
    for language in VOICES:
        package = packages_dir / f"{package_name(language)}_{PACKAGE_VERSION}_all.deb"
        if not package.is_file():
            wanted = f"{package_name(language)}={PACKAGE_VERSION}"
            raise SpeechdataError(f"{package} is missing: get it with apt-get download {wanted}")
        unpacked[language] = workspace / "unpacked" / language
        unpacked[language].mkdir(parents=True)
        _run(["dpkg-deb", "-x", package, unpacked[language]], problem=f"cannot unpack {package}")
    return unpacked


def _download_packages(folder: Path) -> None:
    """Download the packages to a folder."""
    require_program("apt-get", debian_package="apt (or use --packages-dir)")
    wanted = [f"{package_name(language)}={PACKAGE_VERSION}" for language in VOICES]
    _run(
        ["apt-get", "-q", "download", *wanted],
        cwd=folder,
        problem="apt-get cannot get asterisk-core-sounds-{en,es,fr,it,ru}-g722 "
        f"{PACKAGE_VERSION} (run apt-get update, or use --packages-dir)",
    )


def _run(command: Sequence[str | Path], *, problem: str, cwd: Path | None = None) -> bytes:
    """Run a command and return its output; if it fails, raise SpeechdataError with the problem and its last line."""
    result = subprocess.run(command, check=False, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True)
    if result.returncode != 0:
        lines = result.stderr.decode(errors="replace").split("\n")
        reason = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        raise SpeechdataError(f"{problem}: {reason}")
    return result.stdout


def read_clips(unpacked: dict[str, Path]) -> list[Clip]:
    """Decode every clip of KINDS from {language: folder}, in an order that does not depend on the file system."""
    clips = []
    for language, folder in unpacked.items():
        for kind in KINDS:
            sources = sorted(folder.glob(f"usr/share/asterisk/sounds/*/{kind}/*.g722"))
            if not sources:
                raise SpeechdataError(f"{package_name(language)} {PACKAGE_VERSION} has no {kind} clips")
            clips += [
                Clip(
                    language=language,
                    kind=kind,
                    prompt=source.stem.replace("_", "-"),
                    source_path=source.relative_to(folder).as_posix(),
                    samples=_decode(source),
                )
                for source in sources
            ]
    names = Counter(clip.name.lower() for clip in clips)
    clashes = [name for name, count in names.items() if count > 1]
    if clashes:
        raise SpeechdataError(f"two clips have the name {clashes[0]}")
    return clips


def _decode(source: Path) -> np.ndarray:
    """Return the int16 samples of a G.722 file."""
    output_format = ["-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "-"]
    raw = _run(
        ["ffmpeg", "-v", "error", "-nostdin", "-f", "g722", "-i", source, *output_format],
        problem=f"ffmpeg cannot decode {source.name}",
    )
    return np.frombuffer(raw, dtype="<i2")


def select_clips(clips: list[Clip]) -> list[Clip]:
    """Return the clips within DURATION_RANGE_S, of those with identical samples the first."""
    shortest, longest = DURATION_RANGE_S
    different: dict[str, Clip] = {}
    for clip in clips:
        if shortest <= clip.duration_s <= longest:
            different.setdefault(clip.sha256, clip)
    return list(different.values())
