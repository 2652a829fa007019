"""Recordings -> an array of clips on disk and its sidecar."""

import hashlib
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from speech_autoencoder import __version__
from speech_autoencoder.audio.ffmpeg import has_pyav
from speech_autoencoder.audio.formats.kinds import of_those_that_need_pyav
from speech_autoencoder.audio.reading import sample_rate
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data import recordings_folder
from speech_autoencoder.data.analysis import Analysed, Unusable, analyse, stamp, together
from speech_autoencoder.data.earlier_array import EarlierArray
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.data.sidecar.clips_file import Progress, digest_of_clips
from speech_autoencoder.data.sidecar.columns import COLUMNS, FILE_COLUMNS, how_names_are_read, name_columns
from speech_autoencoder.data.sidecar.json_file import FORMAT, write_sidecar
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import RemotePath, joined
from speech_autoencoder.system.files import atomic_write, printable
from speech_autoencoder.system.integers import ceil_div
from speech_autoencoder.system.parallel import in_order

# The modules of the package that determine an array's values; a test compares them with what this one imports.
CODE = (
    "config.py",
    "system/integers.py",
    "audio/finding.py",
    "audio/formats/bytes_at.py",
    "audio/formats/chunked.py",
    "audio/formats/fixed.py",
    "audio/formats/flac.py",
    "audio/formats/kinds.py",
    "audio/formats/layout.py",
    "audio/formats/mpeg.py",
    "audio/formats/ogg.py",
    "audio/formats/stream.py",
    "audio/ffmpeg.py",
    "audio/pyav.py",
    "audio/decoding.py",
    "audio/resampling.py",
    "audio/reading.py",
    "audio/parts.py",
    "audio/levels.py",
    "audio/log_mel.py",
    "data/sidecar/json_file.py",
    "data/sidecar/columns.py",
    "data/sidecar/columns_file.py",
    "data/sidecar/clips_file.py",
    "data/dataset.py",
    "data/recordings.py",
    "data/analysis.py",
    "data/earlier_array.py",
    "data/building.py",
)
# Columns that are stored in fewer bytes than their type in COLUMNS has, while an array is made.
_STORED: dict[str, type] = {"sr": np.int32, "n_frames": np.int32}
# The most recordings of a remote folder that are read to find their most common sample rate.
_MOST_REMOTE = 256

# The columns that tell how long recordings are, and of how many recordings they are in memory at once.
_LENGTHS = ("sr", "n_samples", "n_frames")
_AT_ONCE = 1 << 16

LeftOut = list[tuple[str, str]]  # names of recordings and reasons
# Yields what `analyse` returns for the recordings, in order, given those of an array whose clips are used again.
Analyser = Callable[[Recordings, EarlierArray], Generator[list[Analysed | Unusable], None, None]]


@dataclass(frozen=True)
class Summary:
    """What `build` did.

    Attributes
    ----------
    written : bool
        Whether the array was written; False if nothing had changed.
    n_clips, n_recordings : int
        In the array.
    n_computed : int
        Recordings that were new or had changed.
    seconds : float
        The duration of the recordings.
    fill : float
        The share of the array's frames that are not padding.
    left_out : list of (str, str)
        The names of the recordings that cannot be used, and the reasons.
    notes : dict
        What is to be said of recordings that are used, by their names.
    columns : dict
        What the sidecar says of each recording, by column.
    understanding : Understanding
        What the names of the recordings tell.
    """

    written: bool
    n_clips: int
    n_recordings: int
    n_computed: int
    seconds: float
    fill: float
    left_out: LeftOut
    notes: dict[str, str]
    columns: dict[str, Sequence]
    understanding: Understanding


def most_common_rate(source: Path | Recordings) -> int:
    """Return the sample rate (Hz) that most recordings have, of two equally common ones the lower.

    Of a remote folder, that is told from a few hundred of them.

    Raises
    ------
    InputError
        If no recording can be read.
    """
    recordings = _recordings(source)
    rates: dict[int, int] = {}
    files = recordings.files()
    if isinstance(recordings.folder, RemotePath):  # each of them is fetched for it
        files = files[:: ceil_div(len(files), _MOST_REMOTE)]
    for file, n_parts in Counter(files).items():
        try:
            sr = sample_rate(recordings.addresses.get(file) or joined(recordings.folder, file))
        except InputError:
            continue
        rates[sr] = rates.get(sr, 0) + n_parts
    if not rates:
        where = recordings.listed_in or printable(recordings.folder)
        raise InputError(f"{where} holds no readable recording: check what is in it.")
    return max(rates, key=lambda sr: (rates[sr], -sr))


def _recordings(source: Path | Recordings) -> Recordings:
    """Return the recordings of a folder, or those that are given."""
    return source if isinstance(source, Recordings) else Recordings.of_folder(source)


def build(
    source: Path | Recordings,
    array_path: Path,
    features: FeatureConfig,
    *,
    workers: int,
    strict: bool = False,
    salvage: bool = False,
    told: Understanding | None = None,
    progress: Progress = lambda items, total: items,
    analyser: Analyser | None = None,
    part: dict[str, Any] | None = None,
) -> Summary:
    """Write an array with the clips of recordings, and its sidecar.

    The rows of unchanged recordings are taken from the existing array; if nothing has changed, nothing is written. A
    recording is unchanged if it is the same file, or holds the same bytes under the same name.
    Memory does not grow with the corpus.

    Parameters
    ----------
    source : Path or Recordings
        A folder of recordings, or those that a list names (`audio_list.read_audio_list`).
    workers : int
        Threads.
    strict : bool
        Raise InputError for a recording that cannot be used, instead of leaving it out.
    salvage : bool
        Use what can be decoded of recordings that are not whole.
    told : Understanding, optional
        The speakers and labels; by default what `Recordings.understand` finds out.
    progress : callable, optional
        `progress(items, total)` wraps the loops over the existing array and over the recordings.
    analyser : callable, optional
        Where recordings are analysed; by default in threads of this process.
    part : dict, optional
        Of an array that is a part of another one, what its sidecar says of that; it may hold no clips.

    Raises
    ------
    InputError
        If no recording can be used, or the array cannot be written.
    """
    recordings = _recordings(source)
    told = told or recordings.understand()
    old = EarlierArray.load(array_path, features, code_digest(salvage, has_pyav()), progress)
    old.find_unchanged(recordings, workers)
    if old.is_current(recordings):
        left_out = [(name, entry["reason"]) for name, entry in old.left_out.items()]
        if strict and left_out:
            raise InputError(recordings.where(left_out[0][0]) + left_out[0][1])
        told = told.select([name not in old.left_out for name in recordings.names])
        columns = old.write_sidecar(array_path, recordings, told, part)
        return summarise(False, columns, 0, features, left_out, old.notes, told)
    old.open()

    analyser = analyser or partial(in_threads, features=features, workers=workers, salvage=salvage)
    with atomic_write(array_path) as temporary:
        lists = analyser(recordings, old)
        written = _write_array(temporary, recordings, features, lists, strict, progress, may_be_empty=part is not None)
        del old, lists  # Windows replaces no file that is mapped into memory
        unused = {name for name, _ in written.left_out}
        told = told.select([name not in unused for name in recordings.names])
        # Before the array takes its place: if the sidecar cannot be written, the old array stays. The sidecar holds a
        # digest of the array, so that files of two different runs are noticed.
        sidecar = _sidecar(written, recordings, array_path, features, salvage, told)
        sidecar |= {"part": part} if part else {}
        if not isinstance(array_path, RemotePath):
            write_sidecar(array_path, sidecar)
    if isinstance(array_path, RemotePath):  # whose size alone tells the next run that it is what the sidecar says
        write_sidecar(array_path, sidecar)
    columns = written.columns | name_columns(told)
    return summarise(True, columns, written.n_computed, features, written.left_out, written.notes, told)


@dataclass(frozen=True)
class _Written:
    """An array that was written, with its digest; the other fields are those of `Dataset`, `Unusable` and `Summary`."""

    columns: dict[str, Any]
    shape: tuple[int, ...]
    digest: str
    fingerprint: str
    left_out: LeftOut
    again: set[str]
    notes: dict[str, str]
    n_computed: int


def in_threads(
    recordings: Recordings, old: EarlierArray, *, features: FeatureConfig, workers: int, salvage: bool
) -> Generator[list[Analysed | Unusable], None, None]:
    """Yield what `analyse` returns for the recordings, in order, of unchanged ones the clips of the old array."""
    work = partial(analyse, recordings, features=features, known=old.analysed, salvage=salvage)
    items = together(recordings, features, old.unchanged, salvage=salvage)
    # Closed here, whatever happens: the garbage collector may close it where no thread can be waited for.
    with closing(items), closing(in_order(work, items, workers)) as lists:
        yield from lists


def _write_array(
    path: Path,
    recordings: Recordings,
    features: FeatureConfig,
    analysed: Generator[list[Analysed | Unusable], None, None],
    strict: bool,
    progress: Progress,
    *,
    may_be_empty: bool,
) -> _Written:
    """Write the clips of all recordings that can be used."""
    names, folder = recordings.names, recordings.folder
    # Numbers in arrays, not as objects, and in as few bytes as they need: the corpus may be large.
    columns: dict[str, np.ndarray] = {
        key: np.empty(len(names), _STORED.get(key, kind))
        for key, kind in (COLUMNS | FILE_COLUMNS).items()
        if kind is not str
    }
    left_out: LeftOut = []
    again: set[str] = set()
    notes: dict[str, str] = {}
    n_used = n_rows = n_computed = 0
    fingerprint = hashlib.blake2b(digest_size=16)
    with path.open("wb") as file, closing(analysed) as lists:
        write_header(file, (0, features.n_mels, features.n_frames, 1))
        for name, found in zip(names, progress(chain.from_iterable(lists), len(names)), strict=True):
            if isinstance(found, Unusable):
                if strict:
                    raise InputError(recordings.where(name) + found.reason)
                left_out.append((name, found.reason))
                again |= {name} if found.again else set()
                continue
            for key, column in columns.items():
                column[n_used] = found.entry[key]
            n_used += 1
            fingerprint.update(identity(name, found.entry["digest"]))
            file.write(np.ascontiguousarray(found.clips, "<f4").data)
            n_rows += len(found.clips)
            n_computed += found.is_new
            if found.note:
                notes[name] = found.note
        if left_out and not folder.is_dir():
            raise InputError(f"{printable(folder)} disappeared while it was read: put it back and run again.")
        if not n_rows and not may_be_empty:
            raise none_usable(recordings, left_out)
        file.seek(0)
        shape = (n_rows, features.n_mels, features.n_frames, 1)
        write_header(file, shape)
        file.flush()
        digest = digest_of_clips(np.load(path, mmap_mode="r" if n_rows else None))
    if left_out:
        unused = {name for name, _ in left_out}
        names = [name for name in names if name not in unused]
    used: dict[str, Any] = {"path": names} | {key: column[:n_used] for key, column in columns.items()}
    used |= recordings.columns(names, used["sr"])
    return _Written(used, shape, digest, fingerprint.hexdigest(), left_out, again, notes, n_computed)


def none_usable(recordings: Recordings, left_out: LeftOut) -> InputError:
    """Return the error that no recording can be used."""
    name, reason = left_out[0]
    where, first = recordings.listed_in or printable(recordings.folder), recordings.where(name) + reason
    waiting, sentence = of_those_that_need_pyav(left_out)
    why = sentence if waiting else f"the first: {first}"
    return InputError(f"None of the {len(recordings.names)} recordings in {where} can be used; {why}")


def identity(name: str, digest: int) -> bytes:
    """Return what the fingerprint of an array covers of a recording."""
    return f"{name!r} {digest}\n".encode("ascii", "backslashreplace")


def write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the header of a float32 .npy of this shape; numpy leaves space in it for any count of rows."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _sidecar(
    written: _Written,
    recordings: Recordings,
    array_path: Path,
    features: FeatureConfig,
    salvage: bool,
    told: Understanding,
) -> dict[str, Any]:
    """Return the contents of the sidecar of an array that was written."""
    return {
        "format": FORMAT,
        "version": __version__,
        "code": code_digest(salvage, has_pyav()),
        "features": features.to_json(),
        **recordings_folder.stored(recordings.folder, array_path),
        "names": how_names_are_read(told),
        "fingerprint": written.fingerprint,
        "array": {"shape": list(written.shape), "digest": written.digest},
        "recordings": written.columns | name_columns(told),
        "rows": _rows(written.columns, features),
        "notes": written.notes,
        "left_out": [
            {"path": name, "reason": reason, **({} if name in written.again else stamp(recordings.path(name)))}
            for name, reason in written.left_out
        ],
    }


def _rows(columns: dict[str, Any], features: FeatureConfig) -> dict[str, np.ndarray]:
    """Return, for each row, the index of its recording, its offset there (samples at features.sr), its valid frames."""
    size = features.n_frames
    n_frames = np.array(columns["n_frames"], np.int32)
    n_clips = ceil_div(n_frames, size)
    recording = np.repeat(np.arange(len(n_frames), dtype=np.int32), n_clips)
    start = size * (np.arange(len(recording)) - (np.cumsum(n_clips) - n_clips)[recording])
    valid = np.minimum(size, n_frames[recording] - start).astype(np.int32)
    return {"recording": recording, "offset": start * features.hop_length, "valid_frames": valid}


def summarise(
    written: bool,
    columns: dict[str, Any],
    n_computed: int,
    features: FeatureConfig,
    left_out: LeftOut,
    notes: dict[str, str],
    told: Understanding,
) -> Summary:
    """Return the summary of an array with these columns."""
    n_recordings = len(columns["path"])
    n_clips = n_frames = 0
    seconds = 0.0
    for start in range(0, n_recordings, _AT_ONCE):
        sr, n_samples, some = (np.asarray(columns[key][start : start + _AT_ONCE]) for key in _LENGTHS)
        n_clips += int(ceil_div(some, features.n_frames).sum())
        n_frames += int(some.sum())
        seconds += float((n_samples / sr).sum())
    fill = n_frames / max(1, n_clips * features.n_frames)
    return Summary(written, n_clips, n_recordings, n_computed, seconds, fill, left_out, notes, columns, told)


@cache
def code_digest(salvage: bool, with_pyav: bool) -> str:
    """Return a digest of CODE and of what else decides which recordings are read: another array is not used again."""
    digest = hashlib.blake2b(f"{__version__} {salvage} {with_pyav}".encode(), digest_size=8)
    package = Path(__file__).parents[1]
    for name in CODE:
        digest.update((package / name).read_bytes())
    return digest.hexdigest()
