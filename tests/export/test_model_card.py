"""The model card: Hugging Face can read it, nothing in a file's name adds to it, and what users fill in stays."""

import re

import pytest

from speech_autoencoder.cli.origins import is_card
from speech_autoencoder.config import CLASSIC, ModelConfig
from speech_autoencoder.evaluation.results import ArrayFile, Finding, Measurements, SharedWithTraining
from speech_autoencoder.export import model_card
from speech_autoencoder.export.model_card import write
from speech_autoencoder.model import pretrained
from speech_autoencoder.system.signed_text import filled_fields
from tests.helpers.hostile_page import HOSTILE, make_evaluation

SCORES = {"stoi": 0.96018, "log_mel_db": 2.95, "estoi": None}
SOURCE = {"recordings": "words", "languages": ["en", "no"], "licence": "cc-by-sa-3.0", "attribution": "Somebody"}


def result_of(path="my_model.h5", **values):
    """Return the evaluation of a model."""
    measured = Measurements(
        scores={"model": SCORES, "pca": SCORES | {"stoi": 0.9}, "copy_synthesis": SCORES},
        intervals={"model": {"stoi": [0.958, 0.962]}},
        n_recordings=185,
        n_scored=185,
        n_segments=26,
    )
    own = {"features": CLASSIC.to_json(), "model": ModelConfig(128, 2, 32).to_json() | {"path": path}}
    return make_evaluation(measured, **(own | values))


def metadata_of(text):
    """Return the metadata of a card, read as Hugging Face reads it."""
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(re.match(r"^(\s*---[\r\n]+)([\S\s]*?)([\r\n]+---(\r\n|\n|$))", text)[2])


def test_model_card_metadata_is_what_hugging_face_requires():
    data = metadata_of(model_card.model_card(result_of(training={"source": SOURCE})))
    assert (data["license"], data["language"]) == ("cc-by-sa-3.0", ["en", "no"])  # not False, as YAML has it
    assert (data["library_name"], data["pipeline_tag"]) == ("speech-autoencoder", "audio-to-audio")
    (index,) = data["model-index"]
    assert index["name"] == "my_model"
    (result,) = index["results"]
    assert result["task"]["type"] == "audio-to-audio"
    assert result["dataset"]["name"] == "data.npy"
    assert result["dataset"]["type"]
    assert [(metric["type"], metric["value"]) for metric in result["metrics"]] == [
        ("stoi", 0.96018),
        ("log_mel_db", 2.95),
    ]


def test_model_card_says_data_scores_and_limits():
    shared = SharedWithTraining(739, 185, 10.06, 0, [], 4, 4)
    finding = Finding("voices", "note", "New voices were not tested.", "All are known.")
    text = model_card.model_card(
        result_of(
            training={"source": SOURCE, "data": {"n_recordings": 739}}, shared_with_training=shared, verdict=[finding]
        )
    )
    assert "Training: 739 recordings, 10.1 minutes: words." in text
    assert "4 of 4 speakers in training too" in text
    assert "| STOI | 0.960 [0.958, 0.962] | 0.900 | 0.960 |" in text
    assert "- New voices were not tested. All are known." in text
    assert "Whether it works for other voices was not measured" in text
    assert "What is above 11.03 kHz is lost." in text
    assert "Recordings: Somebody" in text


def test_model_card_says_which_models_it_started_from_and_whose_recordings_they_had():
    first = {"name": "pretrained", "sha256": "ab12", "data": {"n_recordings": 739}, "source": SOURCE}
    started_from = {"name": "a.h5", "sha256": "cd34", "started_from": first}
    text = model_card.model_card(result_of(training={"started_from": started_from}))
    assert "It started from `a.h5` (SHA-256 `cd34`)." in text
    assert "It started from `pretrained` (SHA-256 `ab12`), which was trained on 739 recordings: words." in text
    assert "The recordings of `a.h5`, which it started from, were not compared with testing." in text
    assert "Recordings of `pretrained`, whose licence is `cc-by-sa-3.0`: Somebody" in text


def test_model_card_without_licence_asks_for_it():
    text = model_card.model_card(result_of())
    assert metadata_of(text)["license"] == "unknown"
    assert "It is not known yet: fill in" in text


@pytest.mark.parametrize(
    "name", [*HOSTILE, "a\n---\nlicense: mit\n", "```\n# x", "x --> <b>", "[a](http://x.y)", "'\"\\"]
)
def test_model_card_names_add_no_field_and_no_markup(name):
    source = {"recordings": name, "languages": [name], "licence": name, "attribution": name}
    origin = {"name": name, "sha256": name, "source": source}
    finding = Finding("x", "note", name, name)
    result = result_of(
        f"{name}.h5", training={"source": source, "training": {"split": name}, "started_from": origin},
        data=ArrayFile(name, name), verdict=[finding], version=name,
    )  # fmt: skip
    text = model_card.model_card(result)
    plain = model_card.model_card(
        result_of(training={"source": SOURCE | {"languages": []}, "training": {"split": "x"}})
    )
    assert metadata_of(text).keys() == metadata_of(plain).keys()
    # Without code and what is escaped, no mark-up is left but the card's own.
    body = text.partition("\n---\n")[2]
    shown = re.sub(r"\\.", "", re.sub(r"(?s)```python.*?```|(`+).*?\1", "", body))
    assert not re.search(r"<(?!!-- speech-autoencoder card)|\]\(|https?://|&\w+;", shown)
    assert shown.count("-->") == 1
    assert len(re.findall("^#", body, re.MULTILINE)) == len(
        re.findall("^#", plain.partition("\n---\n")[2], re.MULTILINE)
    )


# Cards that are there


def test_write_again_keeps_what_the_user_has_filled_in(tmp_path):
    path = tmp_path / "card.md"
    assert not write(path, result_of())
    filled = 'license: other  # mine\nlicense_name: my-licence\nlanguage:\n- de\n- "fr"\n'
    path.write_text(path.read_text().replace('license: "unknown"\n', filled))
    assert is_card(path)
    assert write(path, result_of(version="2"))
    text = path.read_text()
    assert "speech-autoencoder 2" in text
    assert (
        text.count("license")
        == text.replace("license: other  # mine\nlicense_name: my-licence", "").count("license") + 2
    )
    assert metadata_of(text)["language"] == ["de", "fr"]
    assert "not known yet" not in text
    assert is_card(path)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("# my\\_model", "# My model"),
        lambda text: text.replace("tags:\n", "tags:\n- mine\n"),
        lambda text: text.replace("value: 0.96018", "value: 0.99"),
        lambda text: text + "More.\n",
        lambda text: text.partition("<!--")[0],
        lambda text: "# A page of mine\n",
        lambda text: "",
    ],
)
def test_is_card_edited_is_not_ours(tmp_path, edit):
    path = tmp_path / "card.md"
    write(path, result_of())
    edited = edit(path.read_text())
    assert edited != path.read_text()
    path.write_text(edited)
    assert not is_card(path)
    assert filled_fields(path) == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_is_card_with_line_ends_of_windows_is_ours(tmp_path, encoding):
    path = tmp_path / "card.md"
    write(path, result_of("Größe.h5"))
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding, newline="\r\n")
    assert is_card(path)


def test_is_card_no_text_is_not_ours(tmp_path):
    (tmp_path / "x.md").write_bytes(b"\xff\x00" * 100)
    assert not any(map(is_card, [tmp_path / "x.md", tmp_path, tmp_path / "missing.md"]))


# That of the model that comes with the package


def test_card_of_the_pretrained_model_is_there_and_names_its_sources():
    text = pretrained.PATH.with_suffix(".md").read_text(encoding="utf-8")
    assert is_card(pretrained.PATH.with_suffix(".md"))
    data = metadata_of(text)
    assert data["license"] == "cc-by-sa-3.0"
    assert data["model-index"][0]["results"][0]["metrics"][0]["value"] > 0.95
    for name in ("Allison Smith", "June Wallack", "Carlo Flora", "Maxim Topal"):
        assert name in text
