"""The sound of a file through PyAV, which brings the libraries of FFmpeg: what a child process runs.

FFmpeg is C code, and files are not always what they should be: PyAV 18 itself frees some layouts of channels twice,
which ends the process (docs/reliability.md). PyAV is imported here alone, and only in that child.
"""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
from av import AudioResampler, FFmpegError, Packet
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition

from speech_autoencoder.audio.ffmpeg import NO_SOUND, Block, End, Head
from speech_autoencoder.errors import InputError

# The formats that FFmpeg may take a file for: all of them hold sound themselves, and none names other files to open.
_FORMATS = (
    "aac,ac3,aiff,alac,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,iff,loas,matroska,webm,mov,mp4,m4a,3gp,"
    "3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,nistsphere,ogg,rm,shn,tak,tta,voc,w64,wav,wv"
)
# Formats without a length: FFmpeg estimates one from the first packets.
_WITHOUT_LENGTH = ("aac", "ac3", "amr", "amrnb", "amrwb", "dts", "eac3", "loas", "mp3")
# Seconds by which the length that a file states may be more than it holds.
_TOLERANCE_S = 0.15
# The share of the sound that may be missing in the middle without a word: the clocks of recorders run a little off.
_HOLES = 0.01
_BYTES = 4  # of a sample
# Memory that the child may use, in bytes.
_MOST_MEMORY = 800 << 20
# Bytes that are read at most: the file so many times over, and so many more. No damage makes FFmpeg read for ever.
_MOST_TIMES_READ = 100
_MOST_READ = 1 << 26
_MICROSECONDS = 1_000_000
# PyAV before this version refuses tags that are not UTF-8 unless it is told otherwise.
_BYTES_IN_TAGS = 19


def decode(path: Path, n_samples: int) -> Iterator[Head | Block | End]:
    """Yield the Head of a file, its Blocks of about `n_samples` over all channels, and the End.

    Samples of another rate than the first are resampled to it.

    Raises
    ------
    InputError
        If the file holds no sound that FFmpeg decodes: what follows the file's name in a message.
    """
    _limit_memory()
    with path.open("rb", buffering=0) as file, _open(file) as container:
        sound = _Sound(container)
        n_channels, waiting = 0, bytearray()
        for frame, n_cut in sound.frames():
            if not n_channels:
                yield sound.head(frame)
            elif waiting and (frame.layout.nb_channels != n_channels or len(waiting) >= _BYTES * n_samples):
                yield Block(n_channels, waiting)
                waiting = bytearray()
            n_channels = frame.layout.nb_channels
            n_frame = _BYTES * n_channels
            waiting += memoryview(frame.planes[0])[n_frame * n_cut : n_frame * frame.samples]
        if not n_channels:
            raise InputError("holds no sound that FFmpeg decodes")
        if waiting:
            yield Block(n_channels, waiting)
        yield End(sound.is_whole)


class _Sound:
    """The stream of sound in a container that is decoded, once.

    Attributes
    ----------
    promised_s : float
        The length in seconds that the file states, 0 if it states none.
    """

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self._tracks = container.streams.audio
        self._stream = _choose(self._tracks)
        context = self._stream.codec_context
        context.thread_count = 1
        layout = context.layout
        if " channels (" in layout.name:  # in an order of its own, such as "2 channels (FR+FL)": what is freed twice
            context.layout = f"{layout.nb_channels} channels"
        self._is_damaged = self._is_cut = False
        self._sr = self._n_decoded = self._n_packets = self._n_surplus = 0
        self._units_s = {stream.index: float(stream.time_base or 0) for stream in container.streams}
        # In seconds from the beginning: how far the packets of any stream go, and where the first of the sound begins.
        self._end_s, self._sound_end_s, self._sound_start_s = 0.0, 0.0, math.inf
        if "mp4" in container.format.name:  # these state the length of each stream: the others need not be read for it
            unit = self._stream.time_base or Fraction(0)
            start, length = self._stream.start_time, self._stream.duration
            for other in container.streams:
                if other is not self._stream:
                    other.discard = Discard.all
        else:
            unit = Fraction(1, _MICROSECONDS)
            start, length = container.start_time, container.duration
            if container.format.name in _WITHOUT_LENGTH:
                length = None
        self._start_s = float((start or 0) * unit)
        self.promised_s = float((length or 0) * unit)

    def head(self, frame: AudioFrame) -> Head:
        """Return what the first frame is like, and what is to be known of the file."""
        track = 1 + self._tracks.index(self._stream)
        return Head(frame.sample_rate, frame.layout.nb_channels, self.promised_s, track, len(self._tracks))

    def frames(self) -> Iterator[tuple[AudioFrame, int]]:
        """Yield the frames, as interleaved float32 at the rate of the first one, and the samples to cut off before."""
        for frame in self._resampled():
            n_cut = min(self._n_surplus, frame.samples)
            self._n_surplus -= n_cut
            self._n_decoded += frame.samples - n_cut
            yield frame, n_cut

    def _resampled(self) -> Iterator[AudioFrame]:
        """Yield the frames, as interleaved float32 at the rate of the first one."""
        resampler: AudioResampler | None = None
        form: tuple | None = None
        for packet in self._packets():
            for frame in self._decoded(packet):
                before, form = form, (frame.format.name, frame.layout.name, frame.sample_rate)
                if resampler is None or form != before:
                    if resampler:
                        yield from resampler.resample(None)
                    self._sr = self._sr or frame.sample_rate
                    resampler = AudioResampler(format="flt", rate=self._sr)
                yield from resampler.resample(frame)
        if resampler:
            yield from resampler.resample(None)

    def _packets(self) -> Iterator[Packet | None]:
        """Yield the packets of the stream, and None at the end; note how far the file goes."""
        try:
            for packet in self._container.demux():
                is_sound = packet.stream is self._stream
                self._note_times(packet, is_sound=is_sound)
                if is_sound and packet.size:
                    self._is_damaged |= packet.is_corrupt
                    self._n_packets += 1
                    if self._n_packets == 1:
                        self._n_surplus = _surplus(packet)
                    yield packet
        except FFmpegError:
            self._is_cut = True
        yield None

    def _note_times(self, packet: Packet, *, is_sound: bool) -> None:
        """Note when a packet begins and ends."""
        unit_s = self._units_s.get(packet.stream_index)
        if packet.pts is None or unit_s is None:
            return
        start_s = packet.pts * unit_s - self._start_s
        end_s = start_s + (packet.duration or 0) * unit_s
        self._end_s = max(self._end_s, end_s)
        if is_sound:
            self._sound_start_s = min(self._sound_start_s, start_s)
            self._sound_end_s = max(self._sound_end_s, end_s)

    def _decoded(self, packet: Packet | None) -> list[AudioFrame]:
        """Return the frames of a packet, none if it is damaged."""
        try:
            return self._stream.decode(packet)
        except FFmpegError:
            self._is_damaged = True
            return []

    @property
    def is_whole(self) -> bool:
        """Whether all that the file promises was decoded, after the last frame."""
        decoded_s = self._n_decoded / self._sr if self._sr else 0.0
        if self._is_damaged or (self._is_cut and not self.promised_s):
            return False
        if self._is_cut:  # what follows the sound may be no sound: if every sample is there, nothing is missing
            return self.promised_s <= decoded_s + 1 / self._sr
        # Not every format says how long its packets are.
        missing_s = self.promised_s - max(self._end_s, decoded_s)
        lasts_s = max(0.0, self._sound_end_s - self._sound_start_s)
        holes_s = min(lasts_s, self.promised_s or lasts_s) - decoded_s
        return missing_s <= _TOLERANCE_S and holes_s <= max(_TOLERANCE_S, _HOLES * lasts_s)


def _open(file: BinaryIO) -> InputContainer:
    """Return the container in an open file: without its name, so that what is in it decides, and opens nothing else."""
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}
    tags: dict[str, Any] = {} if int(av.__version__.split(".")[0]) >= _BYTES_IN_TAGS else {"metadata_errors": "replace"}
    try:
        return av.open(_Bytes(file), "r", container_options=options, **tags)
    except FFmpegError as error:
        raise InputError("is cut short or damaged, so that FFmpeg cannot open it") from error


def _choose(tracks: tuple[AudioStream, ...]) -> AudioStream:
    """Return the track of sound that the file marks as its default, or else the first, of those that are decoded."""
    if not tracks:
        raise InputError(NO_SOUND)
    usable = [stream for stream in tracks if stream.codec_context is not None]
    if not usable:
        raise InputError("holds sound in a coding that FFmpeg does not decode")
    return max(usable, key=lambda stream: stream.disposition & Disposition.default)


def _surplus(packet: Packet) -> int:
    """Return the samples before the sound that FFmpeg leaves in the first packet of a WebM or Matroska file.

    Where the sound does not begin with the file, as in videos, FFmpeg 8 cuts off less of Opus' pre-skip than 5 did. If
    the file says nothing of it (CodecDelay), as those of Chrome, the decoder cuts it off.
    """
    head = packet.stream.codec_context.extradata or b""
    is_opus = "matroska" in packet.stream.container.format.name and head.startswith(b"OpusHead")
    if not is_opus or not packet.has_sidedata("skip_samples"):
        return 0
    skipped = bytes(packet.get_sidedata("skip_samples"))
    return max(0, int.from_bytes(head[10:12], "little") - int.from_bytes(skipped[:4], "little"))


class _Bytes:
    """The bytes of an open file, as PyAV asks for them, without exceptions: it would print those of its callbacks."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _MOST_TIMES_READ * os.fstat(file.fileno()).st_size + _MOST_READ

    def read(self, n_bytes: int) -> bytes:
        try:
            content = self._file.read(n_bytes) if self._left > 0 else b""
        except OSError:
            return b""
        self._left -= n_bytes
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1

    def tell(self) -> int:
        return self._file.tell()


def _limit_memory() -> None:
    """Limit the memory of this process, where the system can."""
    if os.name == "posix":
        import resource  # Windows has none

        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
