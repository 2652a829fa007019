"""Sound through ffmpeg, where it is installed: what libsndfile does not read, or only in part."""

import re
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

# The formats that ffmpeg may take a file for: all of them hold sound themselves, and none names other files to open.
_FORMATS = (
    "aac,ac3,aiff,alac,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,iff,matroska,webm,mov,mp4,m4a,3gp,3g2,"
    "mj2,mp3,mpc,mpc8,nistsphere,ogg,rm,shn,tak,tta,voc,w64,wav,wv"
)
# The header of AU, as ffmpeg writes it first: magic, bytes of the header, length, coding, rate, channels.
_AU_HEADER = struct.Struct(">4s5I")
_AU_FLOAT = 6
# Seconds without a sample after which ffmpeg is ended.
_MOST_SILENCE_S = 60.0
# How far the length that a container states may be from what it holds, in seconds and as a share.
_LENGTH_TOLERANCE = (0.15, 0.01)
_COMPLAINT = re.compile(
    r"^(\[|Error).*(corrupt|prematurely|error|incomplete|truncated|invalid|do not match)", re.I | re.M
)
_DURATION = re.compile(r"^  Duration: (\d+):(\d+):(\d+\.\d+)", re.M)


class FfmpegError(Exception):
    """ffmpeg is not installed, or reads no sound from the file."""


def has_ffmpeg() -> bool:
    """Return whether ffmpeg is installed."""
    return shutil.which("ffmpeg") is not None


class Ffmpeg:
    """The sound that ffmpeg reads from a file, to be closed.

    Attributes
    ----------
    sr, n_channels : int
        As ffmpeg reports them.
    """

    def __init__(self, path: Path) -> None:
        """Start ffmpeg.

        Raises
        ------
        FfmpegError
            If it is not installed, or the file holds no sound that it reads.
        """
        program = shutil.which("ffmpeg")
        if program is None:
            raise FfmpegError
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        command = [program, "-nostdin", "-nostats", "-hide_banner", "-v", "info", "-threads", "1"]
        command += ["-protocol_whitelist", "file", "-format_whitelist", _FORMATS, "-i", f"file:{path}"]
        command += ["-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"]
        try:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._said)
        except OSError as error:
            self._said.close()
            raise FfmpegError from error
        if self._process.stdout is None:
            raise FfmpegError
        self._pipe = self._process.stdout
        header = self._take(_AU_HEADER.size)
        if len(header) == _AU_HEADER.size:
            magic, n_header, _, coding, self.sr, self.n_channels = _AU_HEADER.unpack(header)
            if magic == b".snd" and coding == _AU_FLOAT and self.sr and self.n_channels:
                self._take(n_header - len(header))
                self.n_read = 0
                return
        self.close()
        raise FfmpegError

    def _take(self, n_bytes: int) -> bytes:
        """Return the next bytes, fewer at the end; end ffmpeg if none come."""
        timer = threading.Timer(_MOST_SILENCE_S, self._process.kill)
        timer.start()
        try:
            return self._pipe.read(n_bytes)
        finally:
            timer.cancel()

    def blocks(self, n_samples: int) -> Iterator[np.ndarray]:
        """Yield blocks (n_samples, n_channels) of float32, the last one shorter."""
        n_frame = 4 * self.n_channels
        while len(content := self._take(n_samples * n_frame)) >= n_frame:
            block = np.frombuffer(content[: len(content) // n_frame * n_frame], ">f4").astype(np.float32)
            self.n_read += len(block) // self.n_channels
            yield block.reshape(-1, self.n_channels)

    def is_whole(self) -> bool:
        """Return whether ffmpeg read all that the file promises, after the last block."""
        failed = self._process.wait() != 0
        self._said.seek(0)
        said = self._said.read().decode("utf-8", "replace")
        if failed or _COMPLAINT.search(said):
            return False
        duration = _DURATION.search(said)
        if duration is None or "Estimating duration" in said:
            return True
        hours, minutes, seconds = duration.groups()
        promised = 3_600 * int(hours) + 60 * int(minutes) + float(seconds)
        absolute, relative = _LENGTH_TOLERANCE
        return self.n_read / self.sr >= promised - max(absolute, relative * promised)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End ffmpeg."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()
        self._said.close()
