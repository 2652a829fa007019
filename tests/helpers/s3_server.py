"""An S3 server on the loopback, in a process of its own, and what is in its buckets."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# It ends when nothing holds its standard input open any more, however the tests end.
_SERVER = """
import logging, sys
logging.getLogger("werkzeug").setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""
KEY, SECRET = "AKIAEXAMPLE", "a/secret+key"


@contextmanager
def running() -> Iterator[str]:
    """Start a server, and yield its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.communicate(timeout=20)


def environment(address: str, folder: Path) -> dict[str, str]:
    """Return the environment variables with which a process uses the server, and keeps copies in a folder."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SPEECH_AUTOENCODER_CACHE": str(folder / "copies"),
    }


def files_in(url: str) -> dict[str, bytes]:
    """Return what is below a URL, by the names of the files."""
    place = url.removeprefix("s3://")
    return {name.removeprefix(f"{place}/"): _filesystem().cat_file(name) for name in _filesystem().find(place)}


def upload(source: Path, url: str) -> str:
    """Put a file, or the files of a folder, under a URL, and return it."""
    folder, end = source.is_dir(), "/" if source.is_dir() else ""
    _filesystem().put(f"{source}{end}", f"{url}{end}", recursive=folder)
    return url


def make_bucket(name: str) -> str:
    """Make a bucket, and return its URL."""
    _filesystem().mkdir(name)
    return f"s3://{name}"


def _filesystem():
    """Return the filesystem of the server that the environment names."""
    import s3fs  # an optional library

    return s3fs.S3FileSystem(use_listings_cache=False)
