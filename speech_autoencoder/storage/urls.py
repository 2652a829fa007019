"""URLs: told from paths, taken apart, and shown without what gives access to them."""

import re
from typing import NamedTuple

# A scheme has two letters or more, as one is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(//|\\\\)")
# The same as Path spells it.
_URL_OF_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]")
# A user, or a user and a password, and an @. A password may hold an @, or slashes, as secret keys do; digits and a
# slash are a port, and an @ after them belongs to a name.
_USER = r"([^/@:\s]*:(?!\d+/)(?:[^/\s]*@|[^@\s]*@)|[^/@:\s]*@)"
# A URL in a text, and what gives access in the queries of the usual servers, wherever it stands.
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"]+")
_PARAMETER = re.compile(
    r"[?&]?\b(?:x-(?:amz|goog)-[\w-]+|awsaccesskeyid|signature|sig|token)=[^&\s'\")]+", re.IGNORECASE
)


class Address(NamedTuple):
    """The parts of a URL.

    Attributes
    ----------
    scheme : str
        In lower case.
    user : str
        The user, or user:password, "" for none.
    place : str
        The host or bucket, and the path.
    query : str
        What follows the question mark, "" for nothing.
    """

    scheme: str
    user: str
    place: str
    query: str


def is_url(text: str) -> bool:
    """Return whether a text is a URL."""
    return _URL.match(text) is not None


def is_url_of_path(text: str) -> bool:
    """Return whether a text is a URL, or one as Path spells it, with a single slash."""
    return _URL_OF_PATH.match(text) is not None


def take_apart(url: str) -> Address:
    """Return the parts of a URL; a question mark belongs to the path, but for http(s)."""
    scheme, _, rest = url.replace("\\", "/").partition(":")
    scheme, rest = scheme.lower(), rest[2:] if rest.startswith("//") else rest[1:]
    found = re.match(_USER, rest)
    user, place = (found[1].removesuffix("@"), rest[found.end() :]) if found else ("", rest)
    before, mark, query = place.partition("?")
    is_query = scheme in ("http", "https") or "=" in query
    return Address(scheme, user, before, query) if mark and is_query else Address(scheme, user, place, "")


def redacted(text: str) -> str:
    """Return a text in which URLs have neither user and password nor query.

    Examples
    --------
    >>> redacted("GET https://me:secret@host/a.wav?token=1 failed")
    'GET https://host/a.wav failed'
    """
    return _PARAMETER.sub("", _IN_TEXT.sub(lambda url: _without_access(url[0]), text))


def _without_access(url: str) -> str:
    """Return a URL without user, password and query."""
    scheme, _, place, _ = take_apart(url)
    return f"{scheme}://{place}"
