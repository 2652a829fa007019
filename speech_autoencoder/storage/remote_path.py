"""Paths that are URLs: a `pathlib.Path` whose methods ask the server."""

import errno
import io
import os
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import quote, unquote

from speech_autoencoder.errors import InputError
from speech_autoencoder.storage import server
from speech_autoencoder.storage.urls import is_url, is_url_of_path, take_apart
from speech_autoencoder.system.files import Elsewhere, printable
from speech_autoencoder.system.spelling import on_disk

# In the first part of a path, after the scheme: there is no host, as in hdfs:///folder.
_NO_HOST = "&"
# The status of what a listing has not named.
_MISSING = server.Status(-1, 0, 0)


class RemotePath(Elsewhere):
    """The path of a file or a folder under a URL; as text, it has neither user and password nor query.

    The first part is the scheme, a colon, and the user and the query, quoted, so that they go wherever the path goes.

    Attributes
    ----------
    statuses : mapping, optional
        What the last `find` has told of the files below this folder, by their names; None before it.
    """

    statuses: Mapping[str, server.Status] | None = None
    _status: server.Status | None = None

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the path of a URL."""
        scheme, user, place, query = take_apart(url)
        secret = quote(user, safe="") + "?" + quote(query, safe="") if user or query else ""
        return cls(f"{scheme}:{secret}{_NO_HOST if place.startswith('/') else ''}", place.lstrip("/"))

    @property
    def scheme(self) -> str:
        """The scheme, such as ``s3``."""
        return self._taken_apart()[0]

    @property
    def user(self) -> str:
        """The user, or user:password, "" for none."""
        return self._taken_apart()[1]

    @property
    def url(self) -> str:
        """The URL with its query, without its user."""
        scheme, _, query, place = self._taken_apart()
        return f"{scheme}://{place}{'?' if query else ''}{query}"

    @property
    def gives_access(self) -> bool:
        """Whether there is more to the URL than its text: a user, or a query."""
        return any(self._taken_apart()[1:3])

    def _taken_apart(self) -> tuple[str, str, str, str]:
        """Return the scheme, the user, the query, and the host and path."""
        scheme, _, secret = (self.parts or ("",))[0].partition(":")
        no_host = "/" if secret.endswith(_NO_HOST) else ""
        user, _, query = secret.removesuffix(_NO_HOST).partition("?")
        return scheme, unquote(user), unquote(query), no_host + "/".join(self.parts[1:])

    def __str__(self) -> str:
        scheme, _, _, place = self._taken_apart()
        is_whole = self.parts and ":" in self.parts[0]  # what `relative_to` returns begins with the name of a folder
        return f"{scheme}://{place}" if is_whole else "/".join(self.parts) or "."

    def absolute(self) -> Self:
        """Return the path as it is."""
        return self

    def resolve(self, strict: bool = False) -> Self:
        """Return the path as it is."""
        return self

    def expanduser(self) -> Self:
        """Return the path as it is."""
        return self

    # ---- what the server is asked

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return what is there: its kind, its size, its time of change, and as its inode a digest of its ETag."""
        if self._status is None:
            return server.status(self)
        if self._status is _MISSING:
            raise FileNotFoundError(errno.ENOENT, "there is no such file or folder", str(self))
        return self._status.stat()

    def open(  # type: ignore[override]  # it only reads
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """Open the file to read it."""
        if mode not in ("r", "rb"):
            os.fspath(self)  # raises
        file = server.opened(self)
        return file if mode == "rb" else io.TextIOWrapper(file, encoding, errors, newline)

    def read_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes from the first position of each range to before its second, fewer at the file's end."""
        return server.read_ranges(self, ranges)

    def find(self) -> Mapping[str, server.Status]:
        """List the files below this folder anew, and return their statuses, which `below` knows from then on."""
        self.statuses = server.find(self)
        return self.statuses

    def glob(self, pattern: str, **options: Any) -> Generator[Self]:
        """Yield the files and folders below this folder that match a pattern."""
        yield from (self / name for name in server.names(self, pattern))

    def iterdir(self) -> Generator[Self]:
        """Yield the files and folders in this folder."""
        if self.statuses is None:
            yield from (self / name for name in server.names(self))
        else:  # without the folders
            yield from (self.below(name) for name in self.statuses if "/" not in name)

    def rmdir(self) -> None:
        """Do nothing: the folder is gone with its last file, or stays empty."""

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file."""
        server.remove(self, missing_ok=missing_ok)

    def below(self, name: str) -> Self:
        """Return a file below this folder, with what `find` has told of it."""
        path = self / name
        if self.statuses is not None:
            path._status = self.statuses.get(name, _MISSING)
        return path

    def forget(self) -> None:
        """Ask for the status again when it is needed."""
        self._status = None

    def require_writable(self) -> None:
        """Check that a file can be written here; raise OSError if not."""
        server.require_writable(self)

    def put(self, temporary: Path) -> None:
        """Write a file that is on this computer here, whole or not at all; raise OSError if that fails."""
        server.put(temporary, self)


def expanded(path: str | os.PathLike) -> Path:
    """Return a path as it is meant: a URL, or one with `~` and `~user` as shells expand them.

    They do not in `--output=~/a.npy`, nor in quotes. Accents are spelled as on the disk, see `on_disk`.

    Raises
    ------
    InputError
        If there is no such user, or the path is empty, `-`, or what somebody has written in place of one.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"A path is {path!r}: write one in quotes.")
    if isinstance(path, RemotePath):
        return path
    text = os.fspath(path)
    if not text:
        raise InputError("The path is empty: name a file or a folder.")
    if text == "-":
        raise InputError("- stands for a stream, which is not supported: name a file or a folder.")
    if is_url(text) or (is_url_of_path(text) and not os.path.isdir(text.partition(":")[0] + ":")):  # noqa: PTH112
        return of_text(text)
    place = Path(os.path.expanduser(text))  # noqa: PTH111 - unlike Path's method, it keeps what it cannot expand
    if text[0] == "~" and place == Path(text) and not place.exists():
        raise InputError(f"{printable(text)}: there is no such home folder; a name that begins with ~ is written ./~.")
    return on_disk(place)


def of_text(text: str) -> Path:
    """Return a path, or the path of a URL; that of file:// is a path on this computer."""
    if not is_url_of_path(text):
        return Path(text)
    scheme, _, rest = text.partition(":")
    if scheme.lower() != "file":
        return RemotePath.of(text)
    from urllib.request import url2pathname  # takes a part of the time that --help may take

    return Path(url2pathname("/" + rest.lstrip("/\\")))


def quick_size(path: Path) -> int:
    """Return the size of a file in bytes; of a remote one, 0 if no listing has told it: it is not asked for."""
    if isinstance(path, RemotePath):
        return max(0, path._status.size) if path._status else 0
    return path.stat().st_size


def joined(folder: Path, name: str) -> Path:
    """Return the path of a file by its name in a folder, which may also be a URL by itself."""
    if is_url(name):
        return of_text(name)
    return folder.below(name) if isinstance(folder, RemotePath) else folder / name
