"""Whether a file was made by this program, and may be replaced: told by what is in it, not by its name.

Arrays, models, checkpoints and codec files are known by their form. WAV files and figures, which look like anybody's,
name this program as the software that wrote them. Those of versions that did not are known by their exact form and by
the file beside them.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from speech_autoencoder.config import PRESETS, preset
from speech_autoencoder.script_names import PROGRAM
from speech_autoencoder.system import signed_text
from speech_autoencoder.system.files import is_regular

# Whether the file at a path was made by this program; False if it cannot be read.
IsOurs = Callable[[Path], bool]

# The first bytes of a file, which hold all that is looked for in most formats.
_HEAD_BYTES = 4_096
# Sample rates of corpora (Hz), one for each size of the clips of `fine`.
_CORPUS_RATES_HZ = (8_000, 16_000, 22_050)
_NPY = re.compile(rb"\x93NUMPY.{4,6}\{'descr': '<f[48]', .*'shape': \(\d+, (\d+), (\d+), 1\)", re.DOTALL)
_JSON = rb'\s*\{\s*"format": *"%s %s '
# The group of a model's file that is ours; its name is near the beginning.
_MODEL_GROUP = b"\0speech_autoencoder\0"
_HISTORY = b"epoch,minutes,learning_rate,"
# The version of ONNX, and the program that wrote the file.
_ONNX = re.compile(rb"\x08.\x12.%s" % PROGRAM.encode("ascii"), re.DOTALL)
_CODEC_FILE = b"SAE\x01"
_SPEECH_PAGE = b'<meta name="generator" content="%s page">' % PROGRAM.encode("ascii")
_LATENTS = frozenset(("latents.npy", "first_row.npy", "mean.npy", "description.npy"))
_LATENTS_FORMAT = f'"format": "{PROGRAM} latents '.encode("ascii")
# The end of a .parquet, which holds what it says of itself.
_TAIL_BYTES = 1 << 16
_CHECKPOINT = frozenset(("best_loss.npy", "n_epochs.npy", "history_minutes.npy"))
# Before figures named this program: pixels per metre, and the sizes in pixels (that of the scores for each metric).
_OLD_DENSITY = round(120 / 0.0254)
_OLD_HISTORY = (840, 480)
_OLD_RECORDING = (1_320, 720)
_OLD_SCORES = (288, 432)
# Before WAV files did: mono, 16 bits, and no chunk but the format and the samples.
_OLD_WAV = re.compile(rb"RIFF.{4}WAVEfmt \x10\x00{3}\x01\x00\x01\x00.{8}\x02\x00\x10\x00data", re.DOTALL)


def is_array(path: Path) -> bool:
    """Return whether a file is an array of clips, of a size that a preset has."""
    found = _NPY.match(_head(path))
    known = [preset(name, rate) for name in PRESETS for rate in _CORPUS_RATES_HZ]
    return found is not None and (int(found[1]), int(found[2])) in {(each.n_mels, each.n_frames) for each in known}


def is_sidecar(path: Path) -> bool:
    """Return whether a file is the JSON beside an array."""
    return _is_json(path, b"clips")


def is_columns(path: Path) -> bool:
    """Return whether a file holds the columns of many recordings, beside the JSON."""
    return _head(path).startswith(b"%s columns " % PROGRAM.encode("ascii"))


def is_evaluation(path: Path) -> bool:
    """Return whether a file is an evaluation.json."""
    return _is_json(path, b"evaluation")


def is_history(path: Path) -> bool:
    """Return whether a file is a training_history.csv."""
    return _head(path).startswith(_HISTORY)


def is_codec_file(path: Path) -> bool:
    """Return whether a file is a .sae file."""
    return _head(path).startswith(_CODEC_FILE)


def is_model(path: Path) -> bool:
    """Return whether a file is a model of any version of this program; other models of Keras are not."""
    head = _head(path)
    return head.startswith(b"\x89HDF") and _MODEL_GROUP in head


def is_card(path: Path) -> bool:
    """Return whether a file is a model's card as this program wrote it, but for fields that are for the user."""
    return signed_text.is_unedited(path)


def is_onnx(path: Path) -> bool:
    """Return whether a file is an ONNX model that this program wrote."""
    return bool(_ONNX.match(_head(path)))


def is_checkpoint(path: Path) -> bool:
    """Return whether a file is the checkpoint of a training."""
    return _has_members(path, _CHECKPOINT)


def is_latents(path: Path) -> bool:
    """Return whether a file holds the latents of recordings, as .npz or as .parquet."""
    if not _head(path).startswith(b"PAR1"):
        return _has_members(path, _LATENTS)
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return _LATENTS_FORMAT in file.read()
    return False


def is_speech_page(path: Path) -> bool:
    """Return whether a file is a page to speak to."""
    return _SPEECH_PAGE in _head(path)


def is_sound(path: Path) -> bool:
    """Return whether a file is a WAV that this program wrote."""
    head = _head(path)
    if _OLD_WAV.match(head):
        return _is_old_figure(path.with_suffix(".png"), _OLD_RECORDING)
    tags = [text for name, text in _chunks(head, b"RIFF", 12, "little") if name == b"LIST" and text[:4] == b"INFO"]
    return any(_names_us(text) for tag in tags for name, text in _chunks(tag, b"INFO", 4, "little") if name == b"ISFT")


def is_figure(path: Path) -> bool:
    """Return whether a file is a PNG that this program drew."""
    if any(name == b"tEXt" and _names_us(text.removeprefix(b"Software\0")) for name, text in _png_chunks(path)):
        return True
    wav_path = path.with_suffix(".wav")
    return (
        (_is_old_figure(path, _OLD_RECORDING) and (bool(_OLD_WAV.match(_head(wav_path))) or is_sound(wav_path)))
        or (_is_old_figure(path, _OLD_HISTORY) and is_history(path.with_suffix(".csv")))
        or (_is_old_figure(path, _OLD_SCORES) and is_evaluation(path.with_suffix(".json")))
    )


def _has_members(path: Path, names: frozenset[str]) -> bool:
    """Return whether a file is an archive with members of these names."""
    from zipfile import BadZipFile, ZipFile  # takes a tenth of the time that --help may take

    try:
        with path.open("rb") as file, ZipFile(file) as archive:
            return names.issubset(archive.namelist())
    except (OSError, ValueError, BadZipFile):
        return False


def _is_json(path: Path, kind: bytes) -> bool:
    """Return whether a file is a JSON object that begins with the name of a format of ours."""
    return bool(re.match(_JSON % (PROGRAM.encode("ascii"), kind), _head(path)))


def _is_old_figure(path: Path, size: tuple[int, int]) -> bool:
    """Return whether a file is a PNG that matplotlib has drawn, of this size or a multiple of its width."""
    chunks = dict(_png_chunks(path))
    header, density = chunks.get(b"IHDR", b""), chunks.get(b"pHYs", b"")
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    is_same_size = height == size[1] and width > 0 and width % size[0] == 0
    is_same_density = (int.from_bytes(density[:4]), int.from_bytes(density[4:8])) == (_OLD_DENSITY, _OLD_DENSITY)
    return is_same_size and is_same_density and chunks.get(b"tEXt", b"").startswith(b"Software\0Matplotlib")


def _png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks of a PNG that precede its picture."""
    return _chunks(_head(path), b"\x89PNG\r\n\x1a\n", 8, "big")


def _chunks(
    head: bytes, signature: bytes, start: int, byteorder: Literal["little", "big"]
) -> Iterator[tuple[bytes, bytes]]:
    """Yield the (name, content) of the chunks in the first bytes of a PNG (big) or of a WAV or its tags (little)."""
    if not head.startswith(signature):
        return
    while start + 8 <= len(head):
        if byteorder == "big":
            size, name = int.from_bytes(head[start : start + 4], "big"), head[start + 4 : start + 8]
            step = size + 4  # a checksum
        else:
            name, size = head[start : start + 4], int.from_bytes(head[start + 4 : start + 8], "little")
            step = size + size % 2
        yield name, head[start + 8 : start + 8 + size]
        start += 8 + step


def _names_us(text: bytes) -> bool:
    """Return whether a file's software is this program, of any version."""
    return text.startswith(f"{PROGRAM} ".encode("ascii"))


def _head(path: Path) -> bytes:
    """Return the first bytes of a file, none if it cannot be read."""
    with suppress(OSError):
        if is_regular(path.stat()):  # opening another may block
            with path.open("rb") as file:
                return file.read(_HEAD_BYTES)
    return b""
