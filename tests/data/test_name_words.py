"""Whether values look like speakers or like words."""

import pytest

from speech_autoencoder.data.name_words import are_conditions, kind_of


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"yes", "no", "up", "down"}, "label"),
        ({"Hey Jarvis", "ok_nabu", "alexa"}, "label"),
        ({"turn-on-the-lamp", "turn-off-the-lamp"}, "label"),
        ({"alexa", "computer", "marvin", "christopher", "athena", "sheila"}, "label"),
        (set("0123456789"), "label"),
        ({"yes", "no", "_background_noise_", "unknown"}, "label"),
        ({"anna", "ben", "Carla Schmidt"}, "speaker"),
        ({"en-allison", "fr-june"}, "speaker"),
        ({"p225", "p226"}, "speaker"),
        ({"speaker_01", "Speaker 2"}, "speaker"),
        ({"0a7c2a8d", "1b4c9b89"}, "speaker"),
        (set("123"), ""),
        ({"001", "002", "003"}, ""),
        ({"20240101", "20240102"}, ""),
        ({"2024-01-01", "2024-01-02"}, ""),
        ({"session1", "session2"}, ""),
        ({"LJ001", "LJ002"}, ""),
        ({"qa", "qb"}, ""),
        ({"anna"}, ""),
        (set(), ""),
    ],
)
def test_kind_of_values_is_what_they_look_like(values, kind):
    assert kind_of(values) == kind


def test_kind_of_codes_in_the_names_of_files_are_no_speakers():
    assert kind_of({"S01", "S02"}) == "speaker"
    assert kind_of({"S01", "S02"}, in_folders=False) == ""


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"monday", "tuesday"}, True), ({"take1", "take2"}, True), ({"2024-01-02"}, True), ({"haus", "tisch"}, False)],
)
def test_are_conditions_times_and_numbered_things(values, expected):
    assert are_conditions(values) is expected
