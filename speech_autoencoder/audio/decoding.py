"""Decode a file as blocks of samples: by libsndfile, by FFmpeg where that reads more, as far as either gets."""

import os
import shlex
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import soundfile as sf

from speech_autoencoder.audio.ffmpeg import NO_SOUND, Ffmpeg, FfmpegError, has_pyav
from speech_autoencoder.audio.formats.bytes_at import Window
from speech_autoencoder.audio.formats.kinds import RAW_SUFFIXES, Content, content_of, needs_pyav
from speech_autoencoder.audio.formats.layout import layout
from speech_autoencoder.audio.formats.stream import Stream
from speech_autoencoder.config import RATES_HZ
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.copies import fetched
from speech_autoencoder.system.extras import install_command
from speech_autoencoder.system.files import explain, is_regular, printable

# Samples decoded at once, over all channels: 5 s of 192 kHz mono.
BLOCK_SAMPLES = 5 * 192_000
# The length that libsndfile gives a file whose header leaves it out.
_UNKNOWN_LENGTH = 2**63 - 1
# Codings whose samples are not counted by their bytes: only decoding tells whether they are all there.
_CODED = ("FLAC", "OGG", "MP3", "SDS")
_CODED_SUBTYPES = ("ALAC", "DWVW", "MPEG")
# What ffmpeg is told of samples without a header.
_RAW_OPTIONS = "-f s16le -ar 16000 -ac 1"
# Formats of which decoders skip what is damaged, and the share that may be missing without a word.
_LOSSY = ("OGG", "MP3")
_HOLES = 0.01


class Length(NamedTuple):
    """The samples of a recording that can be used, and what is to be said of it, if anything."""

    n_samples: int
    note: str


class Decoder:
    """A file that is open to be decoded once, from its beginning to its end.

    Attributes
    ----------
    sr, n_channels : int
        The rate in Hz; the channels of the blocks, or of the first of them.
    """

    def __init__(self, path: Path, *, salvage: bool = False) -> None:
        """Open a file.

        Parameters
        ----------
        salvage : bool
            Use what can be decoded of a file that is not whole.

        Raises
        ------
        InputError
            If it is no recording, or is not whole and `salvage` is not set.
        """
        self.path, self._salvage, self._note = path, salvage, ""
        self._name = printable(path)
        self._file = path  # on this computer, once it is open
        self._stack = ExitStack()
        self._ffmpeg: Ffmpeg | None = None
        self._ahead: list[np.ndarray] = []
        self._source = self._decode()
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()
        self._stack.close()

    def _open(self) -> None:
        """Open the file, and its first stream of sound."""
        try:
            self._file = self._stack.enter_context(fetched(self.path))
            status = self._file.stat()
            if self._file.is_dir():
                os.scandir(self._file).close()  # raises if the folder cannot be read, which is then the reason
                raise InputError(f"{self._name} is a folder: name a recording in it.")
            if not is_regular(status):
                raise InputError(f"{self._name} is not a regular file: name a recording.")
            if not status.st_size:
                raise InputError(f"{self._name} is empty (0 bytes): record or copy it again.")
            with self._file.open("rb") as file:
                self._layout = layout(file)
        except OSError as error:
            raise InputError(f"{self._name} could not be read: {explain(error)}.") from error
        streams, content = self._layout.streams, content_of(self._layout.head)
        sound = self._open_stream(streams[0] if streams else None, self._stack)
        if sound is not None and not streams and content.words and sound.format != "SD2":
            sound = None  # AAC, for example, is taken for MP3; SD2 has its header in another file
        if sound is None:
            self._open_with_ffmpeg(content)
        else:
            self._sound = sound
            self.sr, self.n_channels = sound.samplerate, sound.channels
        low, high = RATES_HZ
        if not low <= self.sr <= high:
            raise InputError(f"{self._name} claims a sample rate of {self.sr} Hz: expected {low:,} to {high:,}.")
        has_none = sound is not None and sound.frames <= 0 and not self._layout.defect and not self._is_coded
        if has_none or self._layout.share == 0:
            raise InputError(f"{self._name} holds no samples: record or copy it again.")
        if self._layout.defect and not self._salvage:
            raise self._not_whole(self._layout.defect)

    def _open_stream(self, stream: Stream | None, stack: ExitStack) -> sf.SoundFile | None:
        """Return a stream of the file, opened by libsndfile and closed by `stack`, or None if that does not read it."""
        try:
            if stream is None or (len(self._layout.streams) == 1 and not stream.pieces):
                sound = _SoundFile(libsndfile_path(self._file))
            else:
                file = stack.enter_context(self._file.open("rb"))
                sound = _SoundFile(Window(file, stream.pieces or (range(stream.start, stream.end),)))
        except (sf.SoundFileError, UnicodeError, ValueError, TypeError, RuntimeError):
            return None
        except OSError as error:
            raise InputError(f"{self._name} could not be read: {explain(error)}.") from error
        stack.enter_context(sound)
        # RAW: taken for sound without a header, by its suffix.
        return sound if sound.format != "RAW" else None

    def _open_with_ffmpeg(self, content: Content) -> None:
        """Open the file with FFmpeg, or raise InputError with what it is and the next step."""
        streams = self._layout.streams
        if not streams and not content.is_media:
            raise InputError(f"{self._name} {self._describe(content)}.")
        try:
            self._ffmpeg = self._stack.enter_context(Ffmpeg(self._file, BLOCK_SAMPLES))
            self.sr, self.n_channels = self._ffmpeg.head.sr, self._ffmpeg.head.n_channels
        except FfmpegError as error:
            if streams and self._layout.defect:
                raise InputError(
                    f"{self._name} {self._layout.defect}; none of it can be decoded: copy it again."
                ) from error
            what = f"in the format {streams[0].kind}" if streams else content.words
            if not has_pyav():
                raise InputError(f"{self._name} is {needs_pyav(what, self._conversion())}") from error
            raise self._undecodable(f"{error} (it is {what})", has_sound=str(error) != NO_SOUND) from error

    def _undecodable(self, why: str, *, has_sound: bool = True) -> InputError:
        """Return the error of a file of which FFmpeg decodes nothing."""
        if not has_sound:
            return InputError(f"{self._name} {why}: put the recording in its place.")
        return InputError(f"{self._name} {why}: copy it again, or convert it to WAV ({self._conversion()}).")

    def _describe(self, content: Content) -> str:
        """Return what a file is that no reader takes, and the next step."""
        if content.words:
            return f"is not a sound file, but {content.words}"
        if self.path.suffix.lower() in RAW_SUFFIXES:
            return f"has no header: convert it, with its own coding and rate: {self._conversion(_RAW_OPTIONS)}"
        what = "is not a sound file that libsndfile reads, or its beginning is damaged"
        return f"{what}: convert it to WAV, or copy it again"

    def _conversion(self, options: str = "") -> str:
        """Return the command that converts the file to one that libsndfile reads, for a shell."""
        target = self.path.with_suffix(".flac" if self.path.suffix.lower() == ".wav" else ".wav")
        names = [printable(path) for path in (self.path, target)]
        if names[0].startswith("-") or (":" in names[0] and not self.path.is_absolute()):  # an option, a protocol
            names = [f"./{name}" for name in names]
        return " ".join(["ffmpeg", *options.split(), "-i", *map(shlex.quote, names)])

    def _not_whole(self, defect: str) -> InputError:
        """Return the error of a file that is not whole."""
        other = "" if self._layout.defect else self._other_reader()
        return InputError(f"{self._name} {defect}: copy it again{other}, or use what it holds with --salvage.")

    def _other_reader(self) -> str:
        """Return the advice to install what may read more of the file, if it is not there."""
        return "" if has_pyav() else f", install PyAV, which may read it ({install_command('av')})"

    @property
    def _is_coded(self) -> bool:
        """Whether only decoding tells how many samples there are."""
        return (
            self._ffmpeg is not None
            or self._sound.format in _CODED
            or self._sound.subtype.startswith(_CODED_SUBTYPES)
            or bool(self._layout.streams and self._layout.streams[0].is_estimated)
        )

    def measure(self) -> Length:
        """Return the length, before the blocks are read: what is coded is decoded to its end for it.

        Raises
        ------
        InputError
            If the recording cannot be decoded, or is not whole and may not be salvaged.
        """
        if not self._is_coded and len(self._layout.streams) <= 1:
            n_samples = self._sound.frames
            if n_samples > 0:
                return Length(n_samples, self._used(n_samples) if self._layout.defect else "")
        self._ahead = list(islice(self._source, 2))
        if len(self._ahead) < 2:
            return Length(sum(map(len, self._ahead)), self._note)
        with Decoder(self.path, salvage=self._salvage) as again:
            n_samples = sum(map(len, again.blocks()))
            return Length(n_samples, again._note)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the samples in blocks (n_samples, n_channels) of float32.

        Raises
        ------
        InputError
            If the recording cannot be decoded to its end, or is not whole and may not be salvaged.
        """
        ahead, self._ahead = self._ahead, []
        yield from ahead
        yield from self._source

    def _decode(self) -> Generator[np.ndarray]:
        """Yield the blocks of all streams in the file, one after another."""
        n_read = promised = 0
        if self._ffmpeg is not None:
            for block in self._ffmpeg.blocks():
                n_read += len(block)
                yield block
            self._finish_ffmpeg(n_read, self._ffmpeg)
            return
        streams = self._layout.streams or (None,)
        for number, stream in enumerate(streams):
            with ExitStack() as stack:  # the first stream stays open
                sound = self._sound if number == 0 else self._next(stream, stack)
                if sound is None:
                    if not self._salvage:
                        what = f"holds {len(streams)} recordings, of different rates or formats"
                        raise InputError(f"{self._name} {what}: split it, or use the first with --salvage.")
                    self._finish(n_read, is_whole=False)
                    return
                n_before, is_damaged = n_read, False
                while not is_damaged:
                    block, is_damaged = _read(sound, n_read - n_before)
                    if not len(block):
                        break
                    n_read += len(block)
                    yield block
                promised = self._promised(sound, stream)
                tolerance = _HOLES * promised if sound.format in _LOSSY else 0
            if is_damaged or promised - (n_read - n_before) > tolerance:
                if len(streams) == 1 and not self._layout.defect:
                    yield from self._go_on_with_ffmpeg(n_read, promised)
                else:
                    self._finish(n_read, is_whole=False)
                return
        self._finish(n_read)

    def _promised(self, sound: sf.SoundFile, stream: Stream | None) -> int:
        """Return the samples that a stream holds, by its headers, or 0 if that is not known."""
        if sound.format == "MP3":
            return stream.n_samples if stream else 0
        return sound.frames if sound.frames < _UNKNOWN_LENGTH else 0

    def _next(self, stream: Stream | None, stack: ExitStack) -> sf.SoundFile | None:
        """Return a further stream, None if it does not continue the first one."""
        sound = self._open_stream(stream, stack)
        return sound if sound is not None and sound.samplerate == self.sr and sound.frames > 0 else None

    def _go_on_with_ffmpeg(self, n_read: int, promised: int) -> Iterator[np.ndarray]:
        """Yield the blocks after those that libsndfile could decode, if ffmpeg can."""
        n_whole = n_read
        try:
            with Ffmpeg(self._file, BLOCK_SAMPLES) as ffmpeg:
                if (ffmpeg.head.sr, ffmpeg.head.n_channels) != (self.sr, self.n_channels):
                    raise FfmpegError
                skipped = 0
                for block in ffmpeg.blocks():
                    new = block[max(0, n_read - skipped) :]
                    skipped += len(block)
                    if len(new):
                        n_whole += len(new)
                        yield new
                if n_whole == promised or (not promised and ffmpeg.is_whole):
                    self._note = f"read by FFmpeg from {n_read / self.sr:.2f} s on, where libsndfile finds it damaged"
                    return
        except FfmpegError:
            pass
        of_all = f" of {promised / self.sr:.2f} s" if promised else ""
        defect = f"is damaged or cut short after {n_read / self.sr:.2f} s{of_all}"
        self._finish(n_whole, is_whole=False, defect=defect, promised=promised)

    def _finish_ffmpeg(self, n_read: int, ffmpeg: Ffmpeg) -> None:
        """Check what FFmpeg decoded, and note what is missing."""
        if not n_read and ffmpeg.failure:
            raise self._undecodable(ffmpeg.failure)
        promised, defect = round(ffmpeg.head.promised_s * self.sr), ffmpeg.failure
        if not defect and not ffmpeg.is_whole and 0 < n_read < promised:
            lengths = f"{n_read / self.sr:.2f} s of {promised / self.sr:.2f} s"
            defect = f"is cut short or damaged ({lengths} can be decoded)"
        if ffmpeg.head.n_tracks > 1:
            self._note = f"track {ffmpeg.head.track} of {ffmpeg.head.n_tracks} used"
        self._finish(n_read, is_whole=ffmpeg.is_whole, defect=defect, promised=promised)

    def _finish(self, n_read: int, *, is_whole: bool = True, defect: str = "", promised: int = 0) -> None:
        """Check what was decoded, and note what is missing."""
        defect = defect or self._layout.defect or ("" if is_whole else "is cut short or damaged")
        if n_read == 0:
            why = f"{defect}; none of it can be decoded" if defect else "holds no samples that can be decoded"
            other = "" if self._layout.defect else self._other_reader()
            raise InputError(f"{self._name} {why}: copy it again{other}.")
        if defect and not self._salvage:
            raise self._not_whole(defect)
        if defect:
            self._note = self._used(n_read, promised)

    def _used(self, n_samples: int, promised: int = 0) -> str:
        """Return how much of a recording that is not whole is used."""
        if not promised and self._layout.share:
            frames = 0 if self._ffmpeg else self._sound.frames
            promised = frames if n_samples < frames < _UNKNOWN_LENGTH else round(n_samples / self._layout.share)
        of_all = f" of {promised / self.sr:.2f} s" if promised > n_samples else ""
        return f"{n_samples / self.sr:.2f} s{of_all} used: the rest is missing"


class _SoundFile(sf.SoundFile):
    """A file that is read from its beginning to its end: libsndfile cannot seek in all that it reads."""

    def seekable(self) -> bool:
        return False


def _read(sound: sf.SoundFile, n_before: int) -> tuple[np.ndarray, bool]:
    """Return the next block, and whether the sound is damaged after it."""
    count = min(max(1, BLOCK_SAMPLES // sound.channels), max(1, sound.frames - n_before))
    # What is decoded before an error is in the array; NaN is where nothing was put.
    block = np.full((count, sound.channels), np.nan, np.float32)
    try:
        return sound.read(out=block), False
    except (sf.SoundFileError, RuntimeError):
        missing = np.isnan(block).any(axis=1)
        return block[: int(missing.argmax()) if missing.any() else count], True


def libsndfile_path(path: Path) -> bytes | str:
    """Return the path as libsndfile takes it: as bytes, as some names are not valid text; on Windows all are."""
    return os.fsencode(path) if os.name == "posix" else os.fspath(path)
