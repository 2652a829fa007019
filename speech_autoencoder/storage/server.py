"""What is asked of the server of a URL, through fsspec, and what its errors mean."""

import base64
import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar

from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.urls import redacted
from speech_autoencoder.system.extras import EXTRAS, install_command

if TYPE_CHECKING:  # it asks this module
    from speech_autoencoder.storage.remote_path import RemotePath

Result = TypeVar("Result")

_SHOWN = ("s3", "gs", "abfs", "hdfs", "https")
# Stores where a file is there once it is there whole; elsewhere it is uploaded under another name first. They make no
# folders either: where there is no bucket, none is to be made.
_OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "r2")
_READ_ONLY = ("http", "https")
# How often a connection that breaks is tried again, and the seconds in between; s3fs does so itself.
_TRIES = 3
_PAUSE_S = 1.0
# Seconds without an answer after which a connection has broken; aiohttp ends any transfer after five minutes.
_CONNECT_S = 10
_READ_S = 60
_BLOCK_BYTES = 1 << 20
# What the libraries of fsspec call the time of change and the digest of a file, the preferred names first.
_TIMES = ("mtime", "LastModified", "Last-Modified", "last_modified", "updated", "created", "modified")
_DIGESTS = ("ETag", "etag", "Content-MD5", "md5Hash", "content_md5", "generation", "Digest")
_NO_CREDENTIALS = ("Credential", "ProfileNotFound", "SSOToken", "TokenRetrieval")
_BROKEN = ("Connect", "Disconnect", "Timeout", "HTTPClientError", "ClientPayload", "IncompleteRead", "gaierror")
# Longer messages of libraries are cut, in characters.
_MOST_REASON = 200


class ServerError(OSError, InputError):
    """An error of a server, or of the way to it, in words: for those who expect either of the two.

    What is missing is a FileNotFoundError, as elsewhere.
    """

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}."


class Unreachable(ServerError):
    """A server that does not answer, or a connection that breaks."""


class Status(NamedTuple):
    """What tells whether a file has changed: in little memory, as there may be millions.

    Attributes
    ----------
    size : int
        In bytes, 0 if the server does not tell it.
    seconds : int
        The time of its change, since 1970.
    number : int
        A digest of its ETag, or of what else the server calls the content.
    """

    size: int
    seconds: int
    number: int

    def stat(self) -> os.stat_result:
        """Return the same as the operating system tells it of a file."""
        return _stat_result(stat.S_IFREG | 0o644, self.size, self.seconds, self.number)


def status(path: "RemotePath") -> os.stat_result:
    """Return the status of a file or a folder; raise OSError if there is none or the server cannot be asked."""
    info = _ask(path, lambda filesystem, place: filesystem.info(place))
    return _stat_result(stat.S_IFDIR | 0o755, 0, 0, 0) if info["type"] == "directory" else _status(info).stat()


def find(path: "RemotePath") -> dict[str, Status]:
    """Return the files below a folder, by their names: one listing, and no question for each file."""

    def listed(filesystem: Any, place: str) -> dict[str, Status]:
        filesystem.invalidate_cache()
        found = filesystem.find(place, detail=True)
        filesystem.invalidate_cache()  # looking a file up in it takes longer the more there are
        if place in found:
            raise NotADirectoryError
        start = place.rstrip("/") + "/"
        return {name.removeprefix(start): _status(info) for name, info in found.items() if info["type"] != "directory"}

    _require_folders(path)
    try:
        return _ask(path, listed)
    except FileNotFoundError:
        return {}


def names(path: "RemotePath", pattern: str = "") -> list[str]:
    """Return the names of the files and folders in a folder, or of those below it that match a pattern."""

    def listed(filesystem: Any, place: str) -> list[str]:
        filesystem.invalidate_cache()
        start = place.rstrip("/") + "/"
        found = filesystem.glob(start + pattern) if pattern else filesystem.ls(place, detail=False)
        return [name.removeprefix(start).rstrip("/") for name in found if name.rstrip("/") != place.rstrip("/")]

    _require_folders(path)
    return _ask(path, listed)


def _require_folders(path: "RemotePath") -> None:
    """Raise OSError if nothing can be listed under a URL of this kind."""
    if path.scheme in _READ_ONLY:
        raise ServerError(0, f"{path.scheme}:// has no folders; name files, or give a list of them", str(path))


def opened(path: "RemotePath") -> BinaryIO:
    """Return a file that is read from the server in blocks, as they are needed."""
    return _ask(path, lambda filesystem, place: filesystem.open(place, "rb", block_size=_BLOCK_BYTES))


def read_ranges(path: "RemotePath", ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Return parts of a file, fetched side by side."""

    def fetch(filesystem: Any, place: str) -> list[bytes]:
        starts, ends = [start for start, _ in ranges], [end for _, end in ranges]
        found = filesystem.cat_ranges([place] * len(starts), starts, ends)
        for error in found:
            if isinstance(error, Exception):  # fsspec returns it in place of the bytes
                raise error
        return found

    return _ask(path, fetch)


def fetch(path: "RemotePath", local: Path) -> None:
    """Write a file of the server to this computer; raise OSError if that fails, or if it has another size there."""
    for last in (False, True):
        expected = path.stat().st_size
        _ask(path, lambda filesystem, place: filesystem.get_file(place, os.fspath(local)))
        received = local.stat().st_size
        if received == expected or not expected:  # some servers do not tell the size
            return
        if last:
            raise ServerError(0, f"{received:,} bytes arrived, expected {expected:,}; run again", str(path))
        path.forget()  # it may have changed since it was listed


def put(local: Path, path: "RemotePath") -> None:
    """Write a file of this computer to the server, whole or not at all; raise OSError if that fails."""

    def write(filesystem: Any, place: str) -> None:
        if path.scheme in _OBJECT_STORES:
            filesystem.put_file(os.fspath(local), place)
            return
        folder, name = place.rsplit("/", 1)
        unfinished = f"{folder}/.{name}.unfinished"
        filesystem.makedirs(folder, exist_ok=True)
        filesystem.put_file(os.fspath(local), unfinished)
        filesystem.mv(unfinished, place)

    _write(path, write)
    path.forget()
    if (size := path.stat().st_size) != (expected := local.stat().st_size):
        raise ServerError(0, f"{size:,} bytes arrived there, expected {expected:,}; run again", str(path))


def remove(path: "RemotePath", *, missing_ok: bool) -> None:
    """Remove a file; raise OSError if that fails."""
    _require_write(path)
    try:
        _ask(path, lambda filesystem, place: filesystem.rm_file(place))
    except FileNotFoundError:
        if not missing_ok:
            raise


def require_writable(path: "RemotePath") -> None:
    """Write an empty file beside a path, and remove it; raise OSError if it cannot be written."""

    def probe(filesystem: Any, place: str) -> None:
        folder, name = place.rsplit("/", 1)
        if path.scheme not in _OBJECT_STORES:
            filesystem.makedirs(folder, exist_ok=True)
        beside = f"{folder}/.{name}.unfinished"
        filesystem.pipe_file(beside, b"")
        with suppress(Exception):  # who may write may not always remove
            filesystem.rm_file(beside)

    _write(path, probe)


def _write(path: "RemotePath", question: Callable[[Any, str], None]) -> None:
    """Ask to write something; raise OSError if that fails."""
    _require_write(path)
    try:
        _ask(path, question)
    except FileNotFoundError:
        raise ServerError(0, "there is no such bucket; make it first, or name another", str(path)) from None


def _require_write(path: "RemotePath") -> None:
    """Raise OSError if nothing can be written to a URL of this kind."""
    if path.scheme in _READ_ONLY:
        raise ServerError(0, f"{path.scheme}:// is only read; name a file on this computer, or in a bucket", str(path))


def _stat_result(mode: int, size: int, seconds: int, number: int) -> os.stat_result:
    """Return a status as the operating system has it."""
    times = {"st_mtime_ns": seconds * 10**9, "st_ctime_ns": seconds * 10**9}
    return os.stat_result((mode, number, 0, 1, 0, 0, size, seconds, seconds, seconds), times)


def _status(info: dict[str, Any]) -> Status:
    """Return the status of a file as a library of fsspec tells it.

    The number is 0 if it tells nothing of the content, and then, if it does not tell the time either, the time is now:
    the file may have changed.
    """
    told = next((str(info[key]) for key in _DIGESTS if info.get(key)), "")
    seconds = next((_seconds(info[key]) for key in _TIMES if info.get(key)), 0 if told else time.time())
    number = int.from_bytes(hashlib.blake2b(told.strip('"').encode(), digest_size=6).digest()) if told else 0
    return Status(int(info.get("size") or 0), int(seconds), number)


def _seconds(value: Any) -> float:
    """Return a time in seconds since 1970; 0 if it is in no form that is known."""
    if isinstance(value, int | float):
        return float(value)
    with suppress(ValueError, TypeError):
        if isinstance(value, str):
            value = datetime.fromisoformat(value) if value[:4].isdigit() else _of_a_header(value)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return 0.0


def _of_a_header(text: str) -> datetime:
    """Return a time as headers of HTTP have it."""
    from email.utils import parsedate_to_datetime  # takes a part of the time that --help may take

    return parsedate_to_datetime(text)


# ---- fsspec


def _ask(path: "RemotePath", question: Callable[[Any, str], Result]) -> Result:
    """Return what `question(filesystem, place)` returns, and ask again where a connection breaks.

    Raises
    ------
    InputError
        If a library is missing, or there is no such protocol.
    OSError
        With what the server's or its library's error means.
    """
    filesystem, place = _open(path)
    n_left = 1 if path.scheme in ("s3", "s3a") else _TRIES
    while True:
        try:
            return question(filesystem, place)
        except Exception as error:
            meaning = _meaning(path, error)
        n_left -= 1
        if not (n_left and isinstance(meaning, Unreachable)):
            raise meaning  # not from the library's error, of which a traceback would show the URL as it is
        time.sleep(_PAUSE_S)


def _open(path: "RemotePath") -> tuple[Any, str]:
    """Return the filesystem of a path, and its place there."""
    try:
        from fsspec.core import url_to_fs  # only where there is a URL
    except ModuleNotFoundError:
        raise InputError(f"{path} needs fsspec: {install_command('fsspec')}.") from None
    user, _, password = path.user.partition(":")
    options: dict[str, Any] = {"username": user} if user else {}
    options |= {"password": password} if password else {}
    try:
        if path.scheme in ("http", "https"):
            import aiohttp

            timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_READ_S)
            token = base64.b64encode(path.user.encode()).decode("ascii")
            login = {"headers": {"Authorization": f"Basic {token}"}} if user else {}
            options = {"client_kwargs": {"timeout": timeout, "trust_env": True, **login}}
        filesystem, place = url_to_fs(path.url, **options)
    except ImportError as error:
        name = getattr(error.__cause__, "name", None) or error.name or "a library"
        command = install_command(name) if name in EXTRAS else f"pip install {name}"
        raise InputError(f"{path} needs {name}: {command}.") from None
    except ValueError as error:
        if "not known" not in str(error):
            raise _meaning(path, error) from None
        shown = ", ".join(f"{scheme}://" for scheme in _SHOWN)
        raise InputError(f"{path} begins with no protocol that fsspec opens: expected one such as {shown}.") from None
    except Exception as error:
        raise _meaning(path, error) from None
    return filesystem, place


def _meaning(path: "RemotePath", error: Exception) -> OSError:
    """Return an error of a library in words, with the next step."""
    chain = list(_chain(error))
    names = [type(each).__name__ for each in chain]
    codes = [getattr(each, "status", None) or getattr(each, "code", None) for each in chain]
    name = str(path)
    if any(part in each for each in names for part in _NO_CREDENTIALS):
        advice = {
            "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (of a public bucket: "
            "FSSPEC_S3_ANON=true)",
            "gs": "run gcloud auth application-default login",
        }
        return ServerError(0, f"no credentials were found; {advice.get(path.scheme, 'log in')}", name)
    if any(isinstance(each, PermissionError) for each in chain) or {401, 403} & set(codes):
        return ServerError(0, "access was denied; check the credentials, and what they may do there", name)
    is_down = any(isinstance(code, int) and code >= 500 for code in codes)
    broken = any(part in each for each in names for part in _BROKEN)
    if is_down or broken or any(isinstance(each, ConnectionError | TimeoutError) for each in chain):
        endpoint = ", and AWS_ENDPOINT_URL if it is set" if path.scheme == "s3" else ""
        return Unreachable(0, f"its server does not answer; check the URL and the network{endpoint}", name)
    if any(isinstance(each, FileNotFoundError) for each in chain) or {404, 410} & set(codes):
        return FileNotFoundError(errno.ENOENT, "there is no such file or folder", name)
    if any(isinstance(each, NotADirectoryError) for each in chain):
        return NotADirectoryError(errno.ENOTDIR, "it is a file, not a folder", name)
    text = " ".join(redacted(str(error)).split())[:_MOST_REASON].rstrip(".")
    return ServerError(0, f"{text or type(error).__name__} ({path.scheme}://)", name)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what has led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
