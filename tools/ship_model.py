"""Make the model that comes with the package: a trained one as halves, compressed, with what it was trained on.

    python -m tools.ship_model my_model_for_many_data.h5
    python evaluate_for_many_data.py --model pretrained --no-report --card speech_autoencoder/model/shipped/classic.md

The second command writes its card.
The same input gives the same bytes, with the same versions of HDF5 and zlib.
"""

import argparse
import io
import json
from pathlib import Path

import h5py
import numpy as np

from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.system.files import atomic_write

# Bytes; it travels with every installation.
_LIMIT = 5_000_000
# What HDF5 notes of a compressed array takes this many bytes.
_LEAST_COMPRESSED = 4_096
_DESCRIPTION = "speech_autoencoder/description"
# What the recordings are, and the conditions that come with them (speechdata/README.md).
SOURCE = {
    "name": "speech-autoencoder classic",
    "recordings": "speechdata/training of the speech-autoencoder project: single words (digits, letters, spelling "
    "alphabets) in English, Spanish, French, Italian and Russian by four voices, from the Asterisk core sounds 1.6.1",
    "languages": ["en", "es", "fr", "it", "ru"],
    "licence": "cc-by-sa-3.0",
    "attribution": "Asterisk core sounds: English and Spanish, Copyright 2003-2010 Allison Smith; French, Copyright "
    "2006-2008 June Wallack (both CC BY-SA 3.0); Italian, Copyright 2012 Carlo Flora; Russian, Copyright 2010 Maxim, "
    "provided by Maxim Topal, ivrvoice.ru (both CC BY 3.0). Financial contributions by Digium, Inc., Unlimitel and BGM "
    "Informatique.",
}


def main() -> None:
    """Write the model that comes with the package, made of the one that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a model that was trained on speechdata/training")
    parser.add_argument("--output", type=Path, default=pretrained.PATH)
    args = parser.parse_args()
    n_bytes = ship(args.model, args.output)
    print(f"Wrote {args.output} ({n_bytes / 1e6:.2f} MB).")


def ship(path: Path, output: Path) -> int:
    """Write a model's file as halves, and return its bytes.

    Raises
    ------
    InputError
        If the model cannot be read, the result would be too large, or a weight is too large for a half.
    """
    model_file.load(path)
    content = io.BytesIO()
    with h5py.File(path) as source, h5py.File(content, "w") as target:
        _copy(source, target)
    if len(content.getbuffer()) > _LIMIT:
        raise InputError(f"{output} would have {len(content.getbuffer()):,} bytes, more than {_LIMIT:,}.")
    with atomic_write(output) as temporary:
        temporary.write_bytes(content.getbuffer())
        model_file.load(temporary)
    return len(content.getbuffer())


def _copy(source: h5py.Group, target: h5py.Group) -> None:
    """Copy a group: floats as halves, the description with SOURCE, all else as it is."""
    for key, value in source.attrs.items():
        target.attrs[key] = value
    for name, node in source.items():
        if isinstance(node, h5py.Group):
            _copy(node, target.create_group(name))
            continue
        values = node[()]
        if node.name == f"/{_DESCRIPTION}":
            data = json.loads(values.tobytes()) | {"source": SOURCE}
            values = np.frombuffer(json.dumps(data).encode("ascii"), np.uint8)
        elif values.dtype == np.float32:
            if np.abs(values).max() > np.finfo(np.float16).max:
                raise InputError(f"{node.name} holds {np.abs(values).max():.3g}, which is too large for a half.")
            values = values.astype(np.float16)
        is_large = values.nbytes > _LEAST_COMPRESSED
        how = {"chunks": values.shape, "shuffle": True, "compression": "gzip", "compression_opts": 9}
        target.create_dataset(name, data=values, **(how if is_large else {}))


if __name__ == "__main__":
    main()
