"""The page: complete, small, and inert whatever names and files hold."""

import json
import re
import shutil
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
import soundfile as sf

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.results import Difference, Originals, Probe, RecognitionResults
from speech_autoencoder.report import page, text
from speech_autoencoder.report.samples import CODEC, SOUNDS, find_codec
from speech_autoencoder.report.templating import hash_source
from speech_autoencoder.system.files import printable
from tests.helpers.common import names_in
from tests.helpers.hostile_page import HOSTILE, SR, make_page


@pytest.fixture(scope="module")
def made(trained, small_arrays, tmp_path_factory):
    """Return (folder, evaluation, size in bytes, write) of `make_page`."""
    return make_page(tmp_path_factory.mktemp("page"), trained, small_arrays)


@pytest.fixture(scope="module")
def html(made):
    return (made[0] / "index.html").read_text(encoding="utf-8")


def section_of(html, heading):
    """Return the part of the page below the heading with this id."""
    return html.split(f'<section aria-labelledby="{heading}"')[1].split("</section>")[0]


class Tags(HTMLParser):
    """The tags and attributes of a page, and the texts of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.inside = [], [], None
        self.feed(text)

    def ids(self):
        """Return the ids of the elements."""
        return {attrs["id"] for _, attrs in self.tags if "id" in attrs}

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts.append(data)

    def handle_endtag(self, tag):
        self.inside = None


def test_write_puts_the_sounds_beside_the_page_and_returns_the_size(made):
    folder, result, size, _ = made
    assert names_in(folder) == ["index.html", "sound"]
    keys = [*SOUNDS, *([CODEC] if find_codec() else [])]
    sounds = [f"{i}-{key}.wav" for i in range(1, 7) for key in keys]
    assert names_in(folder / "sound") == sorted([*sounds, *(f"map-{i}.mp3" for i in range(1, 9))])
    assert size == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 2_000_000
    assert names_in(folder.parent) == ["audio", "data.json", "data.npy", "report"]
    lengths = {sf.info(folder / "sound" / name).frames for name in sounds}
    assert lengths <= {round(entry.duration_s * SR) for entry in result.recordings}


def test_write_again_gives_the_same_page(made, tmp_path):
    folder, *_, write = made
    write(tmp_path / "again")
    for path in folder.rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_write_hostile_names_are_shown_as_text(html):
    tags = Tags(html)
    assert not [attrs for _, attrs in tags.tags if any(name.startswith("on") for name in attrs)]
    assert not [attrs for tag, attrs in tags.tags if tag == "img" and not attrs["src"].startswith("data:image/png")]
    assert [attrs.get("type") for tag, attrs in tags.tags if tag == "script"] == ["application/json", None]
    assert "{{ 7 * 7 }}{% raw %}.wav" in html
    assert "\u202e" not in html
    trials = json.loads(tags.scripts[0])
    assert {trial["name"].split("/", 1)[1] for trial in trials} <= {printable(name) for name in HOSTILE}
    assert all(re.fullmatch(r"sound/\d-\w+\.wav", path) for trial in trials for path in trial["sounds"].values())


def test_write_page_loads_nothing_from_outside_and_runs_only_its_own_script(html):
    tags = Tags(html)
    (policy,) = [attrs["content"] for _, attrs in tags.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert hash_source(tags.scripts[-1]) in policy
    for _, attrs in tags.tags:
        assert "style" not in attrs
        for name in ("src", "href"):
            assert re.match(r"data:|sound/|#", attrs.get(name) or "#")


def test_write_page_has_labels_and_a_language(html):
    tags = Tags(html).tags
    assert ("html", {"lang": "en-GB"}) in tags
    labelled = {attrs["for"] for tag, attrs in tags if tag == "label" and "for" in attrs}
    assert {attrs["id"] for tag, attrs in tags if tag in ("input", "select")} == labelled
    assert all(attrs.get("aria-label") for tag, attrs in tags if tag == "audio")
    assert all("alt" in attrs for tag, attrs in tags if tag == "img")
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_write_page_has_its_sections_in_the_order_of_the_links(html):
    links = re.findall(r'<a href="#(\w+)">', html)
    assert re.findall(r'<section aria-labelledby="(\w+)">', html) == ["verdict", *links]
    assert links == re.findall(r'<h2 id="(\w+)">', html)


def test_write_shows_which_words_are_recognised(made, tmp_path):
    counts = [[3, 0, 1], [0, 5, 0]]
    words = RecognitionResults(
        recogniser="borrowed",
        labels=["<b>yes", "no"],
        recognised=["<b>yes", "no", ""],
        n_training=0,
        n_recordings=9,
        original_accuracy=8 / 9,
        original_interval=None,
        confusion=dict.fromkeys(("original", "model", "pca", "copy_synthesis"), counts),
    )
    made[3](tmp_path / "report", words=words)
    html = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert text.describe_recognition("word", words) in html
    table = re.search(r"<table>\s*<thead><tr><th scope=\"col\">said, recognised.*?</table>", html, re.DOTALL)[0]
    assert re.findall(r'<th scope="col" class="number">(.*?)</th>', table) == ["&lt;b&gt;yes", "no", "none"]
    assert re.findall(r'<td class="number">(.*?)</td>', table) == ["3", "·", "1", "·", "5", "·"]


def test_write_shows_the_originals_beside_the_systems_and_which_speakers_are_recognised(made, tmp_path):
    evaluation = made[1]
    found = RecognitionResults(
        recogniser="trained",
        labels=["ann", "<i>bob"],
        recognised=["ann", "<i>bob"],
        n_training=40,
        n_recordings=8,
        original_accuracy=1.0,
        original_interval=[0.63, 1.0],
        confusion={key: [[4, 0], [1, 3]] for key in ("original", "model", "pca", "copy_synthesis")},
    )
    made[3](
        tmp_path / "report",
        speakers=found,
        scores={system: scores | {"speakers": 0.875} for system, scores in evaluation.scores.items()},
        originals=Originals({"speakers": 1.0}, {"speakers": [0.631, 1.0]}),
    )
    html = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    section = section_of(html, "scores")
    assert ">the originals</th>" in section
    row = re.search(r'<tr><th scope="row">speakers recognised</th>.*?</tr>', section, re.DOTALL)[0]
    assert [text.split()[0] for text in re.findall(r'<td class="number [\w-]+">(.*?)<', row)] == ["0.875"] * 3 + [
        "1.000"
    ]
    assert "[0.631, 1.000]" in row
    assert "A recogniser of 2 speakers, trained on 40 original training recordings, recognises 1.000 of 8" in section
    assert section.count("speaker, recognised") == 4
    assert "&lt;i&gt;bob" in section


def test_write_shows_every_score_with_its_interval(made, html):
    section = section_of(html, "scores")
    for system, scores in made[1].scores.items():
        assert f"{scores['stoi']:.3f}" in section
        assert f'class="number {system.replace("_", "-")}"' in section
    assert section.count('class="bar"') == 3 * len({"stoi", "estoi", "words"} & made[1].scores["model"].keys())


def test_write_draws_where_the_errors_are_with_words_beside(made, html):
    section = section_of(html, "errors")
    assert section.count('<svg viewBox="0 0 480 268" role="img" aria-labelledby="error-') == 2
    assert 'class="curve model"' in section
    assert 'class="curve pca"' in section
    assert ">kHz</text>" in section
    assert ">part of the recording, %</text>" in section
    worst = max(made[1].log_mel_error.systems["model"].by_band_db)
    assert f"to {worst:.2f} dB at" in section


def test_write_shows_quality_by_rate(made, html):
    section = section_of(html, "rates")
    assert 'aria-labelledby="rate-1"' in section
    for row in made[1].rates.rows:
        assert f"{row.scores['stoi']:.3f}" in section
    for entry in made[1].rates.missing:
        assert f"apt install {entry.package}" in section


def test_write_shows_what_latents_tell_beside_chance(made, tmp_path):
    probe = Probe(
        n_recordings=90,
        n_classes=6,
        n_values=24,
        chance=0.1667,
        accuracy={"model": 0.9876, "pca": 0.8765, "log_mel": 0.9654},
        intervals={"model": [0.9511, 1.0], "pca": None, "log_mel": [0.9, 0.99]},
        differences={"pca": Difference(0.1111, [0.05, 0.2], "better"), "log_mel": Difference(0.0222, None, "unknown")},
    )
    probes = {"speaker": probe, "word": Probe(reason="no <b>word</b> is known")}
    made[3](tmp_path / "report", probes=probes)
    section = section_of((tmp_path / "report" / "index.html").read_text(encoding="utf-8"), "latents")
    row = " ".join(re.sub(r"<[^>]+>", " ", section.split("<tbody>")[1].split("</tbody>")[0]).split())
    assert row == (
        "speaker, 1 of 6 90 0.988 [0.951, 1.000] 0.876 model less this +0.111: better "
        "0.965 [0.900, 0.990] model less this +0.022: unknown 0.167"
    )
    assert "the word (no &lt;b&gt;word&lt;/b&gt; is known)" in section


def test_write_map_has_a_point_with_a_sound_for_each_recording(made, html):
    folder, result, *_ = made
    section = section_of(html, "latents")
    points = re.findall(r'<g class="point [^>]+ data-sound="([^"]+)"><title>(.*?)</title>', section, re.DOTALL)
    assert len(points) == len(HOSTILE)
    for (path, title), entry in zip(points, result.recordings, strict=True):
        assert sf.info(folder / path).duration == pytest.approx(entry.duration_s, abs=0.001)
        assert unescape(title).startswith(printable(entry.path))
    # Numbers in their order, and the unknown word last.
    words = re.findall(r'<span class="name">(.*?)</span></button>', section.split('data-kind="word"')[1])
    assert [words.index("9"), words.index("10"), words.index("unknown")] == [0, 1, 4]


def test_write_recordings_without_positions_have_no_map(made, tmp_path):
    recordings = [replace(entry, position=None) for entry in made[1].recordings]
    made[3](tmp_path / "report", recordings=recordings)
    html = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert 'id="map"' not in html
    assert "There is no map of recordings: it needs five" in section_of(html, "latents")
    assert not list((tmp_path / "report" / "sound").glob("map-*"))


def test_write_map_of_recordings_without_speakers_and_words_is_drawn(made, tmp_path):
    recordings = [replace(entry, speaker="", label="") for entry in made[1].recordings]
    made[3](tmp_path / "report", recordings=recordings)
    html = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert html.count('<g class="point colour-none"') == len(HOSTILE)
    assert "map-by" not in Tags(html).ids()


def test_write_shows_the_verdict_on_two_epochs_with_fifteen_recordings(made, html):
    findings = made[1].verdict
    kinds = [finding.kind for finding in findings]
    assert {"time", "data"} <= set(kinds)
    assert "leakage" not in kinds
    assert findings[0].sentence in html
    assert "too short to show" in html
    assert "15 recordings" in html


@pytest.mark.parametrize("broken", [{"verdict": []}, {"scores": {}}])
def test_write_failure_leaves_the_old_report(made, tmp_path, broken):
    shutil.copytree(made[0], tmp_path / "report")
    with pytest.raises((ValueError, KeyError)):
        made[3](tmp_path / "report", **broken)
    assert names_in(tmp_path) == ["report"]
    assert (tmp_path / "report" / "index.html").read_bytes() == (made[0] / "index.html").read_bytes()


def test_write_folder_with_other_files_is_not_replaced(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "report")
    (tmp_path / "report" / ".DS_Store").touch()  # a file manager has shown the folder
    assert page.is_report(tmp_path / "report")
    for name in ("notes.txt", "recording of mine.wav"):
        path = tmp_path / "report" / "sound" / name
        path.write_text("mine")
        with pytest.raises(InputError, match="holds other files"):
            made[3](tmp_path / "report")
        assert path.read_text() == "mine"
        path.unlink()


def test_write_missing_recordings_give_a_page_without_sounds(made, tmp_path):
    silent = {"stoi": None, "level_db": None}
    recordings = [replace(entry, scores=entry.scores | silent) for entry in made[1].recordings]
    made[3](tmp_path / "report", recordings=recordings)
    html = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "<audio" not in html
    assert 'id="table"' in html


def test_write_any_description_gives_a_page(made, tmp_path):
    for description in ({}, {"history": {"validation_loss": [1.0]}}, {"history": "x", "validation": []}):
        made[3](tmp_path / "report", training=description)
