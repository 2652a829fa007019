"""URLs are told from paths, and shown without what gives access to them."""

import pytest

from speech_autoencoder.storage.urls import is_url, is_url_of_path, redacted, take_apart


@pytest.mark.parametrize("text", ["s3://bucket/a.wav", "https://host/a.wav", "FILE:///a.wav", "git+ssh://host/a"])
def test_is_url_of_urls_is_true(text):
    assert is_url(text)


@pytest.mark.parametrize(
    "text", ["a.wav", "/a//b.wav", r"C:\a.wav", "C:/a.wav", "C://a.wav", "a:b/c", "12:/a", "s3:/a"]
)
def test_is_url_of_paths_is_false(text):
    assert not is_url(text)


def test_is_url_of_path_takes_what_pathlib_makes_of_a_url():
    assert is_url_of_path("s3:/bucket/a.wav")
    assert not is_url_of_path("C:/a.wav")


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://bucket/a b.wav", ("s3", "", "bucket/a b.wav", "")),
        ("s3://KEY:se/cr+t@bucket/a@b.wav", ("s3", "KEY:se/cr+t", "bucket/a@b.wav", "")),
        ("ftp://me:se:cr@t@host/a@b.wav", ("ftp", "me:se:cr@t", "host/a@b.wav", "")),
        ("S3://bucket/who?.wav", ("s3", "", "bucket/who?.wav", "")),
        ("s3://bucket/a.wav?versionId=7", ("s3", "", "bucket/a.wav", "versionId=7")),
        ("https://token@host:80/a.wav?x", ("https", "token", "host:80/a.wav", "x")),
        ("https://host:80/me@home/a.wav", ("https", "", "host:80/me@home/a.wav", "")),
        ("s3://bucket/me@home:5/a@b.wav", ("s3", "", "bucket/me@home:5/a@b.wav", "")),
        ("hdfs:///user/a.wav", ("hdfs", "", "/user/a.wav", "")),
    ],
)
def test_take_apart_gives_the_parts_of_a_url(url, parts):
    assert take_apart(url) == parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET https://me:secret@host/a.wav?token=1&x=2 failed", "GET https://host/a.wav failed"),
        ("url='https://host:80/a.wav?X-Amz-Signature=ab%2Fcd', 403", "url='https://host:80/a.wav', 403"),
        ("s3://KEY:se/cret+@bucket/a.wav", "s3://bucket/a.wav"),
        ("ftp://me:se@cret@host/a@b.wav", "ftp://host/a@b.wav"),
        ("https://token@host/a@b.wav", "https://host/a@b.wav"),
        ("is it s3://bucket/a@b:c.wav? no = yes", "is it s3://bucket/a@b:c.wav? no = yes"),
        ("http://host:8080/a@b.wav", "http://host:8080/a@b.wav"),
        ("GET /a.wav?X-Amz-Credential=me&X-Amz-Signature=ab%2F&x=1", "GET /a.wav&x=1"),
        ("there is no /data/who?a=b@c.wav", "there is no /data/who?a=b@c.wav"),
    ],
)
def test_redacted_leaves_out_users_passwords_and_queries(text, expected):
    assert redacted(text) == expected
