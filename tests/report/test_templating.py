"""What fills in the page escapes, and allows only its own style and script."""

import pytest

from speech_autoencoder.report.templating import format_number, hash_source, mark_options


def test_hash_source_is_that_of_the_standard():
    # The example of the Content Security Policy specification: alert('Hello, world.');
    assert hash_source("alert('Hello, world.');") == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"


@pytest.mark.parametrize(
    ("value", "format_spec", "expected"), [(0.12345, ".3f", "0.123"), (-0.04, "+z.1f", "+0.0"), (None, ".3f", "\u2013")]
)
def test_format_number_is_text(value, format_spec, expected):
    assert format_number(value, format_spec) == expected


def test_mark_options_escapes_all_but_its_own_tags():
    marked = mark_options("Train <b>longer</b> (--minutes), not a--b.")
    assert marked == "Train &lt;b&gt;longer&lt;/b&gt; (<code>--minutes</code>), not a--b."
