"""Patterns of names: what they fit, what they say, and wrong ones."""

import time

import pytest

from speech_autoencoder.data.name_patterns import Parts, parse_pattern
from tests.helpers.common import refused


@pytest.mark.parametrize(
    ("pattern", "name", "parts"),
    [
        ("{label}_{speaker}_{take}", "7_jackson_32.wav", Parts("jackson", "7")),
        ("{label}_{speaker}_{take}", "any/folder/7_jackson_a.b.wav", Parts("jackson", "7")),
        ("{label}_{speaker}_{take}", "turn_on_jackson_1.wav", None),
        ("{label}_{speaker}_{take}", "7_jackson.wav", None),
        ("*_*_{speaker}_*", "turn_on_jackson_1.wav", Parts("jackson", "")),
        ("*_{speaker}_{take}", "turn_on_jackson_1.wav", Parts("jackson", "")),
        ("{speaker}/{label}/*", "corpus/anna/turn_on/1.wav", Parts("anna", "turn_on")),
        ("{speaker}/{label}/*", "anna/1.wav", None),
        ("{speaker}/{label}/*", "anna/a/yes/1.wav", Parts("a", "yes")),
        ("{speaker}/**", "anna/monday/morning/1.wav", Parts("anna", "")),
        ("{speaker}/**", "1.wav", None),
        ("*/{speaker}/**", "corpus/anna/1.wav", Parts("anna", "")),
        ("**/{speaker}/{take}", "a/b/anna/1.wav", Parts("anna", "")),
        ("{speaker}/{label}_{speaker}_{take}", "01/0_01_3.wav", Parts("01", "0")),
        ("{speaker}/{label}_{speaker}_{take}", "01/0_02_3.wav", None),
        ("{speaker}-{take}.wav", "anna-1.wav", Parts("anna", "")),
        ("{speaker}-{take}.WAV", "anna-1.wav", Parts("anna", "")),
        ("{speaker}\\{take}", "anna/1.wav", Parts("anna", "")),
        ("'{speaker}/{take}'", "anna/1.wav", Parts("anna", "")),
        ("{Speaker}/{LABEL}", "anna/yes.wav", Parts("anna", "yes")),
        ("./{speaker}/{take}", "anna/1.wav", Parts("anna", "")),
        ("{speaker} {take}", "Änne 1.wav", Parts("Änne", "")),
        ("{speaker}+({take})", "anna+(1).wav", Parts("anna", "")),
        ("{speaker}_*", "a\nb_1.wav", Parts("a\nb", "")),
    ],
)
def test_parts_of_name_that_fits_are_its_fields(pattern, name, parts):
    assert parse_pattern(pattern).parts_of(name) == parts


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "neither {speaker} nor {label}"),
        ("*_*", "neither {speaker} nor {label}"),
        ("{take}/{chapter}", "neither {speaker} nor {label}"),
        ("{speaker", "{ without the other brace"),
        ("speaker}", "} without the other brace"),
        ("{}_{speaker}", "without the other brace"),
        ("{speaker}{label}", "nothing between"),
        ("{1a}_{speaker}", "'1a', which is not a name"),
        ("{speaker}_" + "*_" * 100, "too long"),
        ("**/a/**/b/**/{speaker}", "too long"),
        ("*{speaker}", "nothing between"),
        ("{speaker}a{b}a{c}a{d}a", "may end anywhere"),
    ],
)
def test_parse_pattern_wrong_one_is_refused_with_examples(pattern, words):
    refused("The pattern", words, "{label}_{speaker}_{take} or", do=lambda: parse_pattern(pattern))


@pytest.mark.parametrize(
    "pattern", ["**/x/**/*_*_*_*_*_*_{speaker}_x", "{speaker}a{take}a*", "{take}a{speaker}a_x", "**/{speaker}/**"]
)
def test_fields_of_long_name_takes_no_time(pattern):
    """A pattern may come from a sidecar that somebody else made."""
    parsed = parse_pattern(pattern)
    begun = time.perf_counter()
    for name in ("a/" * 500 + "a" * 250, "_a" * 120, "a_" * 120 + "/a"):
        parsed.fields_of(name)
    assert time.perf_counter() - begun < 1
