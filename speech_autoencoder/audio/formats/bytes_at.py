"""The bytes of a file by position, and pieces of a file as if they were a file of their own."""

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO

# Bytes that are read at once: headers are near each other, and the frames of coded sound follow each other.
_BLOCK = 1 << 16


class BytesAt:
    """The bytes of an open file, by position."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = os.fstat(file.fileno()).st_size
        self._start = 0
        self._block = b""

    def get(self, at: int, count: int) -> bytes:
        """Return `count` bytes, fewer at the end of the file."""
        offset = at - self._start
        if not 0 <= offset <= len(self._block) - count:
            self.file.seek(at)
            self._start, self._block, offset = at, self.file.read(max(count, _BLOCK)), 0
        return self._block[offset : offset + count]

    def number(self, at: int, count: int, order: str = "big") -> int:
        """Return `count` bytes as an unsigned integer."""
        return int.from_bytes(self.get(at, count), "big" if order == "big" else "little")

    def find(self, pattern: bytes, start: int, end: int) -> int:
        """Return the first position of a pattern from `start` on that lies whole before `end`, or -1."""
        while start + len(pattern) <= end:
            if not 0 <= start - self._start <= len(self._block) - len(pattern):
                self.get(start, len(pattern))
                if len(self._block) < len(pattern):  # the file became shorter
                    break
            found = self._block.find(pattern, start - self._start, end - self._start)
            if found >= 0:
                return self._start + found
            start = self._start + len(self._block) - len(pattern) + 1
        return -1

    def has_only_zeros(self, start: int, end: int) -> bool:
        """Return whether the bytes between two positions are all zero."""
        while start < end:
            block = self.get(start, min(_BLOCK, end - start))
            if not block or block.strip(b"\0"):
                return not block
            start += len(block)
        return True


# A part of a file, by its positions, or bytes that stand in its place.
Piece = range | bytes


class Window(io.RawIOBase):
    """Pieces of a file, and other bytes between them, as one file: for decoders that need a header mended.

    Parameters
    ----------
    file : BinaryIO
        Is closed with the window.
    pieces : sequence of range or bytes
        Positions in the file, and bytes that stand between them.
    """

    def __init__(self, file: BinaryIO, pieces: Sequence[Piece]) -> None:
        self.file, self.pieces = file, pieces
        self.starts = list(accumulate(map(len, pieces), initial=0))
        self.at = 0

    def readable(self) -> bool:
        """Return True: it can only be read."""
        return True

    def seekable(self) -> bool:
        """Return True: decoders seek in it."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, and return it."""
        self.at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.starts[-1]}[whence])
        return self.at

    def tell(self) -> int:
        """Return the position."""
        return self.at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]  # buffers have no type in Python 3.11
        """Fill a buffer with the next bytes, as far as there are any, and return their count."""
        done = 0
        while done < len(buffer) and self.at < self.starts[-1]:
            index = bisect_right(self.starts, self.at) - 1
            piece = self.pieces[index][self.at - self.starts[index] :][: len(buffer) - done]
            if isinstance(piece, range):
                self.file.seek(piece.start)
                piece = self.file.read(len(piece))
                if not piece:  # the file became shorter
                    break
            buffer[done : done + len(piece)] = piece
            done += len(piece)
            self.at += len(piece)
        return done

    def close(self) -> None:
        """Close the file too."""
        self.file.close()
        super().close()


def replaced(start: int, end: int, *changes: tuple[int, bytes]) -> tuple[Piece, ...]:
    """Return the pieces of a part of a file in which other bytes stand at some positions, which are in order."""
    pieces: list[Piece] = []
    for at, other in changes:
        pieces += [range(start, at), other]
        start = at + len(other)
    return *pieces, range(start, max(start, end))
