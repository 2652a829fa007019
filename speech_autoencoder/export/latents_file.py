"""The latents of many recordings in one file: an .npz for numpy, or a .parquet for pandas; docs/latents.md has both.

Latents are collected in a temporary file beside the output, as a format begins with how much it holds. Memory grows by
the columns of a recording, not by its length.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZipFile, ZipInfo

import numpy as np

from speech_autoencoder import __version__
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.errors import InputError
from speech_autoencoder.export.recording_latents import Latents
from speech_autoencoder.script_names import PROGRAM
from speech_autoencoder.system.files import atomic_write, printable

SUFFIXES = (".npz", ".parquet")
FORMAT = f"{PROGRAM} latents 1"
# A group of rows of a .parquet ends when its latents have so many bytes, or it has so many rows.
_GROUP_BYTES = 16 << 20
_GROUP_ROWS = 10_000
_TEXTS = ("path", "speaker", "label")
_NUMBERS = {"sr": np.int32, "start": np.int64, "n_samples": np.int64}


def require_format(path: Path) -> None:
    """Check that a file of latents can be written under this name, and that what writes it is installed.

    Raises
    ------
    InputError
        If its suffix is another one.
    ImportError
        If it is a .parquet and pyarrow is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{printable(path)} ends in neither {' nor '.join(SUFFIXES)}: choose a name that does.")
    if path.suffix == ".parquet":
        import pyarrow.parquet  # noqa: F401 - an extra


@contextmanager
def writing(path: Path, encoder: Encoder) -> Iterator["Table"]:
    """Write a file of latents whole or not at all: everything that was added, by the end of the block.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    with atomic_write(path) as temporary, TemporaryFile(dir=temporary.parent) as latents:
        table = Table(encoder, latents, temporary.parent)
        yield table
        write = _write_parquet if path.suffix == ".parquet" else _write_npz
        write(temporary, table)


class Table:
    """Recordings and their latents, which `writing` writes.

    Attributes
    ----------
    latents : IO
        All latents, one recording after another, float32.
    folder : Path
        Where temporary files may be.
    columns : dict
        What is known of each recording besides its latents.
    """

    def __init__(self, encoder: Encoder, latents: IO[bytes], folder: Path) -> None:
        self.latents, self.folder = latents, folder
        self.columns: dict[str, list] = {name: [] for name in (*_TEXTS, *_NUMBERS, "n_latents", "mean")}
        self._encoder = encoder

    def add(self, found: Latents, *, speaker: str = "", label: str = "") -> None:
        """Add a recording, and close the file of its latents."""
        found.copy_to(self.latents)
        texts = (found.path.as_posix(), speaker, label)
        values = (*texts, found.sr, found.start, found.n_samples, found.n_latents, found.mean)
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)

    @property
    def latent_size(self) -> int:
        """The count of values of a latent."""
        return self._encoder.model.config.latent_size

    def description(self) -> str:
        """Return what all latents have in common, as JSON."""
        model = self._encoder.model
        frames_per_latent = model.config.frames_per_latent
        return json.dumps(
            {
                "format": FORMAT,
                "version": __version__,
                "model_fingerprint": model.fingerprint.hex(),
                "latent_size": model.config.latent_size,
                "frames_per_latent": frames_per_latent,
                "seconds_per_latent": frames_per_latent / model.features.frame_rate,
                "latent_rate": model.latent_rate,
                "search_steps": self._encoder.config.steps,
                "features": model.features.to_json(),
            }
        )


def _write_npz(path: Path, table: Table) -> None:
    """Write a table as .npz, the same bytes for the same table."""
    columns = table.columns
    first_row = np.concatenate([[0], np.cumsum(columns["n_latents"], dtype=np.int64)])
    arrays = {
        "description": np.array(table.description()),
        "first_row": first_row.astype("<i8"),
        "mean": np.array(columns["mean"], "<f4"),
        **{name: np.array(columns[name], "<U") for name in _TEXTS},
        **{name: np.array(columns[name], np.dtype(kind).newbyteorder("<")) for name, kind in _NUMBERS.items()},
    }
    with ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with _member(archive, name) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        with _member(archive, "latents") as file:
            shape = (int(first_row[-1]), table.latent_size)
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            table.latents.seek(0)
            shutil.copyfileobj(table.latents, file)


def _member(archive: ZipFile, name: str) -> IO[bytes]:
    """Return an array of an archive to write to; it has no date, and no system."""
    info = ZipInfo(f"{name}.npy")
    info.create_system, info.external_attr = 3, 0o644 << 16
    return archive.open(info, "w", force_zip64=True)


def _write_parquet(path: Path, table: Table) -> None:
    """Write a table as .parquet: a row for each recording."""
    import pyarrow as pa  # an extra, which few need
    from pyarrow.parquet import ParquetWriter

    latent = pa.list_(pa.float32(), table.latent_size)
    types = {
        **dict.fromkeys(_TEXTS, pa.string()),
        **{name: pa.from_numpy_dtype(kind) for name, kind in _NUMBERS.items()},
        "mean": latent,
        "latents": pa.list_(latent),
    }
    schema = pa.schema(list(types.items()), {"description": table.description()})
    table.latents.seek(0)
    with ParquetWriter(path, schema, use_dictionary=list(_TEXTS)) as writer:
        for first, last in _groups(table.columns["n_latents"], 4 * table.latent_size):
            writer.write_table(_rows(table, first, last, schema))


def _rows(table: Table, first: int, last: int, schema: Any) -> Any:
    """Return recordings of a table, the next whose latents are read, as rows of a .parquet."""
    import pyarrow as pa

    columns = {name: values[first:last] for name, values in table.columns.items()}
    data = table.latents.read(4 * table.latent_size * sum(columns["n_latents"]))
    offsets = pa.array(np.concatenate([[0], np.cumsum(columns["n_latents"])]), pa.int32())
    latent = schema.field("mean").type
    arrays = {
        **{name: list(map(_valid, columns[name])) for name in _TEXTS},
        **{name: columns[name] for name in _NUMBERS},
        "mean": _vectors(np.array(columns["mean"], "<f4").tobytes(), latent),
        "latents": pa.ListArray.from_arrays(offsets, _vectors(data, latent)),
    }
    return pa.table(arrays, schema)


def _groups(counts: list[int], size: int) -> Iterator[tuple[int, int]]:
    """Yield the (first, last + 1) of recordings that form a group, by the counts of their latents of `size` bytes."""
    first = n_bytes = 0
    for i, count in enumerate(counts):
        n_bytes += size * count
        if n_bytes >= _GROUP_BYTES or i + 1 - first >= _GROUP_ROWS or i + 1 == len(counts):
            yield first, i + 1
            first, n_bytes = i + 1, 0


def _vectors(data: bytes, kind: Any) -> Any:
    """Return float32 values as an Arrow array of vectors of this type."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(np.frombuffer(data, "<f4")), type=kind)


def _valid(text: str) -> str:
    """Return a text as UTF-8 can hold it: names may have bytes that are none."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
