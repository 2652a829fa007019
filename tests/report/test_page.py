"""The page: written whole, small, and inert whatever names and files hold."""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import CLASSIC, LatentSearchConfig
from speech_autoencoder.data import building, dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import evaluation, verdict
from speech_autoencoder.report import page
from speech_autoencoder.report import text as summary
from tests.helpers.common import make_speech, names_in
from tests.helpers.hostile_page import HOSTILE, QUICK, SR, make_page


@pytest.fixture(scope="module")
def made(trained, small_arrays, tmp_path_factory):
    """What `make_page` gives."""
    return make_page(tmp_path_factory.mktemp("page"), trained, small_arrays)


class Tags(HTMLParser):
    """The tags and attributes of a page, and the text of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.inside = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts.append(data)

    def handle_endtag(self, tag):
        self.inside = None


def test_write_is_one_page_with_its_sound_beside_it_and_tells_its_size(made):
    folder, result, size = made[0], made[1], made[3]
    assert names_in(folder) == ["index.html", "sound"]
    sounds = [f"{i}-{key}.wav" for i in range(1, 7) for key in [*page.SOUNDS, *(["codec"] if page._codec() else [])]]
    assert names_in(folder / "sound") == sorted(sounds)
    assert size == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 2_000_000
    assert names_in(folder.parent) == ["audio", "data.json", "data.npy", "report"]
    lengths = {sf.info(folder / "sound" / name).frames for name in sounds}
    assert lengths <= {round(entry["duration_s"] * SR) for entry in result["recordings"]}


def test_write_twice_gives_the_same_page(made, tmp_path):
    folder, *_, write = made
    write(tmp_path / "again")
    for path in folder.rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_write_hostile_names_are_only_names(made):
    folder = made[0]
    text = (folder / "index.html").read_text(encoding="utf-8")
    tags = Tags(text)
    assert not [attrs for _, attrs in tags.tags if any(name.startswith("on") for name in attrs)]
    assert not [attrs for tag, attrs in tags.tags if tag == "img" and not attrs["src"].startswith("data:image/png")]
    assert [attrs.get("type") for tag, attrs in tags.tags if tag == "script"] == ["application/json", None]
    assert "{{ 7 * 7 }}{% raw %}.wav" in text
    assert "\u202e" not in text
    trials = json.loads(tags.scripts[0])
    assert {trial["name"].split("/", 1)[1] for trial in trials} <= {page.printable(name) for name in HOSTILE}
    assert all(re.fullmatch(r"sound/\d-\w+\.wav", path) for trial in trials for path in trial["sounds"].values())


def test_write_loads_nothing_from_outside_and_runs_only_its_own_script(made):
    text = (made[0] / "index.html").read_text(encoding="utf-8")
    tags = Tags(text)
    (policy,) = [attrs["content"] for _, attrs in tags.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert page._hash(tags.scripts[-1]) in policy
    for _, attrs in tags.tags:
        assert "style" not in attrs
        for name in ("src", "href"):
            assert re.match(r"data:|sound/|#", attrs.get(name) or "#")


def test_write_has_labels_and_a_language(made):
    tags = Tags((made[0] / "index.html").read_text(encoding="utf-8")).tags
    assert ("html", {"lang": "en-GB"}) in tags
    labelled = {attrs["for"] for tag, attrs in tags if tag == "label" and "for" in attrs}
    assert {attrs["id"] for tag, attrs in tags if tag in ("input", "select")} == labelled
    assert all(attrs.get("aria-label") for tag, attrs in tags if tag == "audio")
    assert all("alt" in attrs for tag, attrs in tags if tag == "img")
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_write_shows_which_word_is_heard_for_which(made, tmp_path):
    counts = [[3, 0, 1], [0, 5, 0]]
    words = {
        "recogniser": "borrowed",
        "labels": ["<b>yes", "no"],
        "heard": ["<b>yes", "no", ""],
        "n_training": 0,
        "n_recordings": 9,
        "originals": 8 / 9,
        "confusion": dict.fromkeys(("original", "model", "pca", "copy_synthesis"), counts),
    }
    made[4](tmp_path / "report", result=made[1] | {"words": words})
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert summary.describe_words(words) in text
    table = re.search(r"<table>\s*<thead><tr><th scope=\"col\">said, heard.*?</table>", text, re.DOTALL)[0]
    assert re.findall(r'<th scope="col" class="number">(.*?)</th>', table) == ["&lt;b&gt;yes", "no", "none"]
    assert re.findall(r'<td class="number">(.*?)</td>', table) == ["3", "·", "1", "·", "5", "·"]


def test_write_draws_where_it_errs_with_words_beside(made):
    text = (made[0] / "index.html").read_text(encoding="utf-8")
    section = text.split('aria-labelledby="errors"')[1].split("</section>")[0]
    assert section.count('<svg viewBox="0 0 480 268" role="img" aria-labelledby="error-') == 2
    assert 'class="curve model"' in section
    assert 'class="curve floor"' in section
    assert ">kHz</text>" in section
    assert ">part of the recording, %</text>" in section
    worst = max(made[1]["log_mel_error"]["model"]["by_band_db"])
    assert f"to {worst:.2f} dB at" in section


def test_write_shows_what_is_heard_at_which_rate(made):
    text = (made[0] / "index.html").read_text(encoding="utf-8")
    section = text.split('<section aria-labelledby="rates"')[1].split("</section>")[0]
    assert 'aria-labelledby="rate-1"' in section
    for row in made[1]["rates"]["rows"]:
        assert f"{row['stoi']:.3f}" in section
    for entry in made[1]["rates"]["missing"]:
        assert f"apt install {entry['package']}" in section


def test_write_verdict_of_a_real_training_of_two_epochs_on_fifteen_recordings(made):
    findings = made[2]
    kinds = [finding.kind for finding in findings]
    assert {"time", "data"} <= set(kinds)
    assert "leakage" not in kinds
    text = (made[0] / "index.html").read_text(encoding="utf-8")
    assert findings[0].sentence in text
    assert "too short to say" in text
    assert "15 recordings" in text


@pytest.mark.parametrize("broken", [{"findings": []}, {"result": {"recordings": []}}])
def test_write_that_fails_leaves_the_old_report(made, tmp_path, broken):
    shutil.copytree(made[0], tmp_path / "report")
    with pytest.raises((IndexError, KeyError)):
        made[4](tmp_path / "report", **broken)
    assert names_in(tmp_path) == ["report"]
    assert (tmp_path / "report" / "index.html").read_bytes() == (made[0] / "index.html").read_bytes()


def test_write_never_replaces_other_things(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "report")
    assert page.is_report(tmp_path / "report")
    (tmp_path / "report" / "sound" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        made[4](tmp_path / "report")
    assert (tmp_path / "report" / "sound" / "notes.txt").read_text() == "mine"


def test_write_recordings_that_are_gone_still_give_a_page(made, tmp_path):
    result = made[1] | {"recordings": [entry | {"stoi": None, "level_db": None} for entry in made[1]["recordings"]]}
    made[4](tmp_path / "report", result=result)
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "<audio" not in text
    assert 'id="table"' in text


def test_write_any_description_gives_a_page(made, tmp_path):
    for model in ({}, {"history": {"validation_loss": [1.0]}}, {"history": "x", "validation": []}):
        made[4](tmp_path / "report", model=model)


def entries(stois, errors=None):
    """Recordings with these STOIs; None is too short for one, NaN not scored at all."""
    errors = errors or [3.0] * len(stois)
    return [
        {
            "stoi": None if stoi is None or stoi != stoi else stoi,
            "level_db": None if stoi != stoi else 0.1,
            "log_mel_db": e,
        }
        for stoi, e in zip(stois, errors, strict=True)
    ]


def test_choose_best_median_and_worst():
    stois = list(np.random.default_rng(0).permutation(101) / 100)
    kinds = page.choose(entries(stois))
    assert [(round(stois[i], 2), kind) for i, kind in kinds.items()] == [
        (1.0, "best"),
        (0.99, "best"),
        (0.51, "median"),
        (0.5, "median"),
        (0.0, "worst"),
        (0.01, "worst"),
    ]


@pytest.mark.parametrize("n", range(8))
def test_choose_few_are_each_chosen_at_most_once(n):
    kinds = page.choose(entries([0.9 - i / 100 for i in range(n)]))
    assert len(kinds) == min(n, 6)
    assert not n or kinds[0] == "best"


def test_choose_short_recordings_by_log_mel_error_and_never_what_cannot_be_heard():
    kinds = page.choose(entries([None] * 9 + [float("nan")], [float(9 - i) for i in range(9)] + [0.0]))
    assert [i for i, kind in kinds.items() if kind == "best"] == [8, 7]
    assert 9 not in kinds


def test_longest_part_of_sound_is_the_loudest():
    waveform = np.full(10_000, 0.01)
    waveform[6_000:7_000] = 0.5
    start = page._loudest(waveform, 2_000)
    assert start <= 6_000
    assert start + 2_000 >= 7_000
    assert page._loudest(np.ones(100), 99) in (0, 1)


def test_long_recordings_of_a_high_rate_stay_within_the_budget(trained, tmp_path):
    (tmp_path / "audio").mkdir()
    for number in range(6):
        sf.write(tmp_path / "audio" / f"{number}.wav", make_speech(6 * 48_000, 48_000, number), 48_000)
    building.build(tmp_path / "audio", tmp_path / "data.npy", CLASSIC, workers=2)
    data = dataset.load(tmp_path / "data.npy", "")
    recordings = [
        {
            "path": name,
            "stoi": 0.9,
            "level_db": 0.0,
            "log_mel_db": 3.0,
            "speaker": "",
            "duration_s": 6.0,
            "string": None,
        }
        for name in data.names
    ]
    systems = {system: {"log_mel_db": 3.0} for system in evaluation.SYSTEMS}
    result = {"scores": systems, "n_recordings": 6, "n_scored": 6, "n_segments": 0, "left_out": [], "strings": []}
    size = page.write(
        tmp_path / "report",
        result | {"recordings": recordings},
        {},
        verdict.judge(result, {}),
        data,
        Encoder(trained[0].model, LatentSearchConfig(steps=0)),
        QUICK,
        workers=2,
    )
    assert 4_000_000 < size < 8_000_000
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r"6\.00 s, of which 2\.6 s from \d\.\d s on", text)) == 6
