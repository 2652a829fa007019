"""A stream of sound within a file: what its headers say of it."""

from dataclasses import dataclass

from speech_autoencoder.audio.formats.bytes_at import BytesAt, Piece

# What follows the sound, but is neither sound nor announced by a header, is a tag or padding up to this many bytes
# and this share of the sound.
_REST_BYTES = 512
_REST_SHARE = 0.01
# Lengths of 32 bits that programs give who write to a pipe: this or more; sox gives less in AIFF.
_UNKNOWN = 0x7FFFF000
_UNKNOWN_AIFF = 0x7F000000


@dataclass(frozen=True)
class Stream:
    """A stream of sound within a file.

    Attributes
    ----------
    kind : str
        What messages call its format.
    start, end : int
        The part of the file that it takes.
    pieces : tuple of Piece
        What libsndfile is to read instead of this part; empty: the part as it is.
    longer : tuple of Piece
        The same if the sound goes on to the end of the file, whatever the header says.
    is_estimated : bool
        Whether libsndfile only estimates its length, so that its samples must be counted.
    n_samples : int
        Its length by its frames, within a few frames; 0 where libsndfile knows it better.
    defect : str
        Why it is not whole: what follows the file's name in a message. Empty if it is whole.
    share : float or None
        The share of the promised sound that the file holds, if it is known.
    """

    kind: str
    start: int
    end: int
    pieces: tuple[Piece, ...] = ()
    longer: tuple[Piece, ...] = ()
    is_estimated: bool = False
    n_samples: int = 0
    defect: str = ""
    share: float | None = None


def cut_short(promised: int, held: int, unit: str) -> tuple[str, float]:
    """Return the defect and the share of a stream that holds less than its header promises."""
    return f"is cut short: its header promises {promised:,} {unit}, it holds {held:,}", held / promised


def is_unknown(length: int, n_bytes: int, kind: str) -> bool:
    """Return whether a length of so many bytes is one that programs write which do not know it yet."""
    return length >= (1 << 62 if n_bytes == 8 else _UNKNOWN_AIFF if kind == "AIFF" else _UNKNOWN)


def is_padding(data: BytesAt, start: int, end: int, n_before: int) -> bool:
    """Return whether what follows sound of `n_before` bytes is no sound: little, a tag, or zeros."""
    return (
        end - start <= max(_REST_BYTES, _REST_SHARE * n_before)
        or data.get(start, 3) in (b"TAG", b"ID3")
        or data.get(start, 8) == b"APETAGEX"
        or data.has_only_zeros(start, end)
    )
