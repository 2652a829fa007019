"""A batch of files that an engine does: each worker writes the outputs of its chunks itself."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from speech_autoencoder.api.engines import engine_of
from speech_autoencoder.cli.inputs import Batch
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.codec.files import Done, FileItem, limit_s
from speech_autoencoder.codec.reconstruction import Tick
from speech_autoencoder.engines.engine import THREADS, Chunk, Engine, Lost, chunked
from speech_autoencoder.engines.items import outcomes
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.model_reference import ModelReference
from speech_autoencoder.system.files import Elsewhere, lock, printable
from speech_autoencoder.system.locks import remove_stale_files
from speech_autoencoder.system.processors import available_cpus

Result = TypeVar("Result")


@contextmanager
def shared_batch(
    name: str, batch: Batch, *, model: Path, folder: Path, say: Say, workers: int | None = None
) -> Iterator["SharedBatch | None"]:
    """Lend what does a batch on the engine of this name; None for threads, which share nothing.

    Parameters
    ----------
    model
        The model's file, which has been loaded here.
    folder
        Where the outputs are, which no other run may write to meanwhile.
    say
        Takes a line about the engine.
    workers
        The processes of an engine that is started here; by default as many as processors.
    """
    if name == THREADS:
        yield None
        return
    lock(folder)
    reference = ModelReference.of(model)
    present = [path for path, _ in batch.pairs[:1] if path.exists()]
    reads = [*present, *([reference.path] if reference.path else [])]
    with engine_of(name, workers=workers or available_cpus(), say=say, reads=reads, writes=[folder]) as engine:
        try:
            yield SharedBatch(engine, batch, reference)
        finally:
            for place in {output.parent for _, output in batch.pairs if not isinstance(output, Elsewhere)}:
                remove_stale_files(place)  # of workers that were lost


class SharedBatch:
    """A batch of files on an engine.

    Attributes
    ----------
    model : ModelReference
        The model that workers load.
    """

    def __init__(self, engine: Engine, batch: Batch, model: ModelReference) -> None:
        self._engine, self._batch, self.model = engine, batch, model

    def write(
        self,
        function: Callable[[Chunk], Sequence[Done[Result] | InputError]],
        seconds: list[float],
        *,
        most_s: float,
        tick: Tick,
        warn: Say,
    ) -> list[Result]:
        """Return what a function of `codec.files` makes of each file; those that cannot be used are left out.

        Parameters
        ----------
        function
            Takes chunks of FileItems.
        seconds
            Of sound in each file, about.
        most_s
            Of sound in a chunk.
        tick
            Is called with the seconds of sound that were just done.
        warn
            Takes what is to be said of a file.
        """
        items = [FileItem(*pair, length) for pair, length in zip(self._batch.pairs, seconds, strict=True)]
        chunks = chunked(items, seconds, most_cost=most_s)

        def limit(chunk: Chunk) -> float:
            return limit_s(sum(item.seconds for item in chunk))

        def results() -> Generator[Result | InputError | Lost]:
            with closing(outcomes(self._engine, function, chunks, limit_s=limit)) as found:
                for item, outcome in zip(items, found, strict=True):
                    tick(item.seconds)
                    if isinstance(outcome, Done):
                        if outcome.note:
                            warn(f"{printable(item.path)}: {outcome.note}")
                        yield outcome.result
                    else:
                        yield outcome

        return self._batch.each_by(results())
