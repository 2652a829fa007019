"""What a server tells of files; what is written there; errors in words. One bucket, and servers that fail as asked."""

import threading
import traceback
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from speech_autoencoder.storage import server
from speech_autoencoder.storage.copies import fetched
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.files import atomic_write, explain, require_writable
from tests.helpers import s3_server
from tests.helpers.common import names_in, refused

CONTENT = bytes(range(256)) * 40


@contextmanager
def http_server(answer):
    """Serve HTTP on the loopback: `answer(handler, number)` answers request `number`, from 0; yield the address."""
    count = iter(range(1_000))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            answer(self, next(count))

        do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    one = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=one.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{one.server_port}"
    finally:
        one.shutdown()
        one.server_close()
        thread.join()


def respond(handler, status=200, content=CONTENT, length=None):
    """Answer a request."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.send_header("Last-Modified", "Sat, 28 Nov 2026 07:00:00 GMT")
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(content)


@pytest.fixture
def at_once(monkeypatch):
    """Do not wait before a connection is tried again."""
    monkeypatch.setattr(server, "_PAUSE_S", 0)


def error_of(do):
    """Return the message of an OSError as users see it."""
    with pytest.raises(OSError) as error:
        do()
    return explain(error.value)


def test_write_then_read_gives_the_same_bytes(bucket):
    path = expanded(f"{bucket}/a b/c.bin")
    with atomic_write(path) as temporary:
        temporary.write_bytes(CONTENT)
    assert path.read_bytes() == CONTENT
    assert path.read_ranges([(3, 9), (0, 1), (len(CONTENT) - 2, len(CONTENT) + 5)]) == [
        CONTENT[3:9],
        CONTENT[:1],
        CONTENT[-2:],
    ]
    assert s3_server.files_in(bucket) == {"a b/c.bin": CONTENT}
    assert (path.is_file(), path.is_dir(), path.parent.is_dir(), path.parent.is_file()) == (True, False, True, False)


def test_write_that_fails_leaves_the_old_file_and_nothing_else(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = expanded(f"{bucket}/c.bin")
    with atomic_write(path) as temporary:
        temporary.write_bytes(CONTENT)
    with pytest.raises(ZeroDivisionError), atomic_write(path) as temporary:
        temporary.write_bytes(b"half of")
        _ = 1 / 0
    assert s3_server.files_in(bucket) == {"c.bin": CONTENT}
    assert [name for name in names_in(tmp_path) if "unfinished" in name] == []


def test_stat_is_the_same_from_a_listing_and_from_the_file_itself(bucket, tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    s3_server.upload(tmp_path, f"{bucket}/folder")
    folder = expanded(f"{bucket}/folder")
    assert list(folder.find()) == ["a.bin"]
    listed, asked = folder.below("a.bin").stat(), (folder / "a.bin").stat()
    assert listed == asked
    assert (listed.st_size, listed.st_mtime_ns) == (len(CONTENT), asked.st_mtime_ns)
    with atomic_write(folder / "a.bin") as temporary:
        temporary.write_bytes(CONTENT[::-1])
    assert (folder / "a.bin").stat().st_ino != listed.st_ino


def test_iterdir_glob_and_unlink_do_as_in_a_folder(bucket, tmp_path):
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(CONTENT)
    s3_server.upload(tmp_path, f"{bucket}/in")
    folder = expanded(f"{bucket}/in")
    assert sorted(str(path) for path in folder.iterdir()) == [f"{folder}/{name}" for name in ("a.wav", "b.wav", "sub")]
    assert sorted(path.name for path in folder.glob("**/*.wav")) == ["a.wav", "b.wav", "c.wav"]
    (folder / "a.wav").unlink()
    assert sorted(s3_server.files_in(f"{bucket}/in")) == ["b.wav", "sub/c.wav"]


def test_require_writable_leaves_nothing_and_refuses_what_cannot_be_written(bucket, at_once):
    require_writable(expanded(f"{bucket}/new/a.npy"))
    assert s3_server.files_in(bucket) == {}
    refused(
        "s3://no-such-bucket/a.npy could not be written: there is no such bucket; make it first",
        do=lambda: require_writable(expanded("s3://no-such-bucket/a.npy")),
    )
    refused(
        "https://host/a.npy could not be written: https:// is only read",
        do=lambda: require_writable(expanded("https://host/a.npy")),
    )


def test_stat_of_what_is_missing_is_not_found(bucket):
    for url in (f"{bucket}/a.wav", "s3://no-such-bucket/a.wav"):
        with pytest.raises(FileNotFoundError):
            expanded(url).stat()
        assert not expanded(url).exists()
        assert expanded(url).find() == {}


def test_memory_and_other_protocols_are_written_under_another_name_first():
    fsspec = pytest.importorskip("fsspec")
    path = expanded("memory://folder/a.bin")
    with atomic_write(path) as temporary:
        temporary.write_bytes(CONTENT)
    assert path.read_bytes() == CONTENT
    assert list(fsspec.filesystem("memory").find("/folder")) == ["/folder/a.bin"]
    path.unlink()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "what://bucket/a.wav",
            "what://bucket/a.wav begins with no protocol that fsspec opens: expected one such as s3:",
        ),
        ("sftp://me:secret@host/a.wav", "sftp://host/a.wav needs paramiko: pip install paramiko"),
    ],
)
def test_stat_of_a_protocol_that_is_not_there_says_what_to_do(url, words):
    pytest.importorskip("fsspec")
    if url.startswith("sftp"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(__import__("sys").modules, "paramiko", None)
            refused(words, do=expanded(url).stat)
    else:
        refused(words, do=expanded(url).stat)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "there is no such file or folder"),
        (403, "access was denied; check the credentials"),
        (401, "access was denied"),
        (503, "its server does not answer; check the URL and the network"),
    ],
)
def test_fetched_status_of_http_is_explained_without_its_query(status, words, at_once):
    pytest.importorskip("aiohttp")
    with http_server(lambda handler, number: respond(handler, status, b"Signature=secret")) as address:
        path = expanded(f"{address.replace('//', '//me:secret@')}/a.wav?X-Amz-Signature=secret")

        def fetch():
            with fetched(path):
                pass

        with pytest.raises(OSError) as error:
            fetch()
        assert words in explain(error.value)
        assert error.value.filename == f"{address}/a.wav"
        shown = "".join(traceback.format_exception(error.value))
        assert not any(word in shown for word in ("me:secret", "Signature=secret"))


def test_fetched_sends_the_query_and_the_password(at_once):
    pytest.importorskip("aiohttp")
    seen = []

    def answer(handler, number):
        seen.append((handler.path, handler.headers["Authorization"]))
        respond(handler)

    with http_server(answer) as address:
        path = expanded(f"{address.replace('//', '//me:secret@')}/a.wav?X-Amz-Signature=a%2Bb")
        with fetched(path) as copy:
            assert copy.read_bytes() == CONTENT
    assert set(seen) == {("/a.wav?X-Amz-Signature=a%2Bb", "Basic bWU6c2VjcmV0")}


def test_fetched_connection_that_breaks_is_tried_again(at_once):
    pytest.importorskip("aiohttp")
    gets = []

    def answer(handler, number):
        if handler.command == "GET":
            gets.append(number)
        if len(gets) == 1 and handler.command == "GET":
            respond(handler, content=CONTENT[:1_000], length=len(CONTENT))
            handler.close_connection = True
        else:
            respond(handler)

    with http_server(answer) as address, fetched(expanded(f"{address}/a.wav")) as copy:
        assert copy.read_bytes() == CONTENT
    assert len(gets) == 2


def test_fetched_no_server_is_explained(at_once):
    pytest.importorskip("aiohttp")
    with http_server(respond) as address:
        pass
    assert "its server does not answer" in error_of(expanded(f"{address}/a.wav").stat)
    assert "http:// has no folders; name files" in error_of(expanded(f"{address}/folder").find)


def test_put_that_arrives_cut_short_is_an_error(tmp_path, monkeypatch):
    memory = pytest.importorskip("fsspec.implementations.memory")
    path, local = expanded("memory://folder/a.bin"), tmp_path / "a.bin"
    local.write_bytes(CONTENT)
    monkeypatch.setattr(
        memory.MemoryFileSystem, "put_file", lambda self, local, place: self.pipe_file(place, CONTENT[:100])
    )
    assert error_of(lambda: path.put(local)) == "100 bytes arrived there, expected 10,240; run again"


def test_errors_of_credentials_name_what_to_set(monkeypatch):
    pytest.importorskip("botocore")
    from botocore.exceptions import NoCredentialsError

    class Filesystem:
        def info(self, place):
            raise NoCredentialsError

    monkeypatch.setattr(server, "_open", lambda path: (Filesystem(), "bucket/a.wav"))
    assert "no credentials were found; set AWS_ACCESS_KEY_ID" in error_of(expanded("s3://bucket/a.wav").stat)


def test_library_error_that_is_not_known_is_shown_without_secrets(monkeypatch):
    pytest.importorskip("fsspec")

    class Filesystem:
        def info(self, place):
            raise RuntimeError("cannot do\nhttps://me:secret@host/a?token=secret")

    monkeypatch.setattr(server, "_open", lambda path: (Filesystem(), ""))
    assert error_of(expanded("s3://bucket/a.wav").stat) == "cannot do https://host/a (s3://)"
