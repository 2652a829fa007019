"""Parts of an array, or pieces of one, that the processes of an engine make."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.data.analysis import Unusable
from speech_autoencoder.data.building import Analyser
from speech_autoencoder.data.parts.making import Found, Made, Making, Run, analyse_elsewhere
from speech_autoencoder.data.parts.shares import BYTES_PER_S, Item
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.engines.engine import Engine, Lost
from speech_autoencoder.system.files import Elsewhere, printable
from speech_autoencoder.system.locks import remove_stale_files

# How long some recordings may take, in seconds: at least, for each of them, and for each second of sound. A core takes
# some milliseconds for a recording, and less than one for a second of sound, where the disk is not slow.
_LEAST_LIMIT_S = 60
_LIMIT_S_EACH = 0.5
_LIMIT_S_PER_S = 0.2


def run_on(engine: Engine, recordings: Recordings) -> Run:
    """Return what has an engine make parts of recordings, see `making.make_parts`.

    A recording that ends the process that works on it, or takes too long, cannot be used in this run.
    """

    def run(function: Callable[[Sequence[Item]], Made], lists: Iterable[list[Item]]) -> Iterator[Found]:
        with closing(engine.run(function, lists, limit_s=_limit_s)) as results:
            for found in results:
                if isinstance(found, Lost):
                    name = found.item.name
                    reason = f"{printable(recordings.path(name))} could not be analysed: {found.reason}."
                    yield {name: Unusable(reason, again=True)}
                else:
                    yield found

    return run


def analyser_on(
    engine: Engine,
    recordings: Recordings,
    told: Understanding,
    array_path: Path,
    features: FeatureConfig,
    *,
    strict: bool,
    salvage: bool,
) -> Analyser:
    """Return the `analyser` of `building.build` that has an engine make pieces of an array, in a hidden folder."""
    making = Making.of(recordings, told, None, features, strict=strict, salvage=salvage, pieces=pieces_of(array_path))
    return partial(analyse_elsewhere, told=told, making=making, run=run_on(engine, recordings))


def pieces_of(array_path: Path) -> Path:
    """Return the hidden folder of the pieces of an array, or of its parts; a run that is killed leaves them there."""
    return array_path.with_name(f".{array_path.stem}.pieces")


def remove_pieces(array_path: Path) -> None:
    """Remove the pieces of an array that is whole."""
    folder = pieces_of(array_path)
    with suppress(OSError):
        for path in list(folder.iterdir()):
            path.unlink()
        folder.rmdir()


def remove_leftovers(folder: Path) -> None:
    """Remove what lost workers have left unfinished in a folder, and the folder if nothing else is in it."""
    with suppress(OSError):
        if not isinstance(folder, Elsewhere):
            remove_stale_files(folder)
        folder.rmdir()


def _limit_s(items: Sequence[Item]) -> float:
    """Return how long recordings may take, in seconds."""
    sound_s = sum(item.size for item in items) / BYTES_PER_S
    return _LEAST_LIMIT_S + _LIMIT_S_EACH * len(items) + _LIMIT_S_PER_S * sound_s
