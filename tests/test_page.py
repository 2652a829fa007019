"""The page: written whole, small, inert whatever names and files hold, and usable in a browser without a server."""

import json
import re
import shutil
import time
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile as sf
from conftest import make_speech, names_in

from speech_autoencoder import building, dataset, evaluation, leakage, page, rates, summary, verdict
from speech_autoencoder.config import CLASSIC, EncodingConfig, InversionConfig
from speech_autoencoder.encoding import Encoder
from speech_autoencoder.errors import InputError

QUICK = InversionConfig(griffin_lim_rounds=4)
SR = 16_000
HOSTILE = [
    "<img src=x onerror=alert(1)>.wav",
    "</script><script>alert(2)</script>.wav".replace("/", "\u2215"),
    "<!--<script>.wav",
    "\" autofocus onfocus=alert(3) x='.wav",
    "{{ 7 * 7 }}{% raw %}.wav",
    "javascript:alert(4).wav",
    "line\nbreak \u202egnp.wav",
    "日本語 100 % &amp; $x$.wav",
]


@pytest.fixture(scope="module")
def made(trained, small_arrays, tmp_path_factory):
    """(folder of the report, result, findings, bytes) of recordings with hostile names, and what makes it again."""
    folder = tmp_path_factory.mktemp("page")
    for number, name in enumerate(HOSTILE):
        path = folder / "audio" / f"<b>{number % 2}<b>" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, make_speech(SR // 2 + 1_000 * number, SR, seed=number), SR)
    building.build(folder / "audio", folder / "data.npy", CLASSIC, workers=2)
    data = dataset.load(folder / "data.npy", "")
    encoder = Encoder(trained[0].model, EncodingConfig(rounds=0))
    result = evaluation.evaluate(data, encoder, QUICK, workers=2)
    model = trained[0].model
    result["rates"] = rates.measure(result, data, model, QUICK, workers=2)
    description = {"model": model.config.to_json(), "features": model.features.to_json(), **model.description}
    facts = leakage.find(small_arrays[0], data) | evaluation.compare(small_arrays[0], data, encoder)
    findings = verdict.judge(result, description, facts)

    def write(target, **changes):
        arguments = {"result": result, "model": description, "findings": findings, "workers": 2} | changes
        return page.write(target, dataset=data, encoder=encoder, inversion=QUICK, **arguments)

    size = write(folder / "report")
    return folder / "report", result, findings, size, write


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
    assert {trial["name"].split("/", 1)[1] for trial in trials} <= {page.shown(name) for name in HOSTILE}
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
        "confusion": dict.fromkeys(("original", "model", "floor", "ceiling"), counts),
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
    with pytest.raises(InputError, match="holds other things"):
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
    result = {"scores": systems, "n_recordings": 6, "n_scored": 6, "n_strings": 0, "left_out": [], "strings": []}
    size = page.write(
        tmp_path / "report",
        result | {"recordings": recordings},
        {},
        verdict.judge(result, {}),
        data,
        Encoder(trained[0].model, EncodingConfig(rounds=0)),
        QUICK,
        workers=2,
    )
    assert 4_000_000 < size < 8_000_000
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r"6\.00 s, of which 2\.6 s from \d\.\d s on", text)) == 6


# ---- in a browser


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, driven by selenium."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver_path = shutil.which("chromedriver")
    if not chromium or not driver_path:
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--mute-audio",
        "--force-prefers-reduced-motion",
        "--window-size=1280,900",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, made):
    """The browser with the page open; nothing on its console when the test is done."""
    browser.get((made[0] / "index.html").as_uri())
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def wait_for(browser, script):
    """What the script returns, as soon as it is true."""
    for _ in range(100):
        value = browser.execute_script(f"return {script}")
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"never true: {script}")


def shown_rows(browser):
    """The cells of the table's rows that are seen."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#table tbody tr')].filter(row => row.offsetParent)"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )


def press(browser, keys):
    """Nothing; the keys are pressed, wherever the focus is."""
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(keys).perform()


def test_browser_opens_no_alert_and_shows_the_names_as_they_are(opened, made):
    from selenium.common.exceptions import NoAlertPresentException

    with pytest.raises(NoAlertPresentException):
        _ = opened.switch_to.alert
    assert {row[0] for row in shown_rows(opened)} == {page.shown(entry["path"]) for entry in made[1]["recordings"]}


def test_browser_every_player_has_its_sound_and_plays_it_alone(opened, made):
    wait_for(
        opened, "[...document.querySelectorAll('audio')].every(a => Number.isFinite(a.duration) && a.duration > 0.4)"
    )
    first, second = opened.find_elements("css selector", "audio")[:2]
    for player in (first, second):
        opened.execute_script("arguments[0].scrollIntoView(); arguments[0].focus()", player)
        press(opened, " ")  # as a user does, who may start sound where a page may not
        wait_for(
            opened,
            "[...document.querySelectorAll('audio')].some(a => a === document.activeElement && a.currentTime > 0.1)",
        )
    assert opened.execute_script("return arguments[0].paused", first)


@pytest.mark.parametrize(("column", "kind"), [(0, str), (2, float), (3, float), (4, float), (5, float)])
def test_browser_headings_sort_by_keyboard_and_say_so(opened, column, kind):
    heading = opened.find_elements("css selector", "#table thead th")[column]
    seen = []
    for _ in range(2):
        opened.execute_script("arguments[0].focus()", heading.find_element("tag name", "button"))
        press(opened, "\ue007")
        values = [row[column].rstrip("*") for row in shown_rows(opened)]
        seen.append((heading.get_attribute("aria-sort"), values))
    assert {order for order, _ in seen} == {"ascending", "descending"}
    if kind is float:
        for order, values in seen:
            numbers = [float(value) for value in values]
            assert numbers == sorted(numbers, reverse=order == "descending")
    assert seen[0][1][0] == seen[1][1][-1]
    assert len(opened.find_elements("css selector", "#table [aria-sort]")) == 1


def test_browser_filters_by_name_speaker_and_score(opened, made):
    from selenium.webdriver.support.select import Select

    total = len(HOSTILE)
    opened.find_element("id", "name").send_keys("ONERROR")
    assert [row[0].split("/")[1] for row in shown_rows(opened)] == ["<img src=x onerror=alert(1)>.wav"]
    assert opened.find_element("id", "count").text == f"1 of {total} recordings"
    opened.find_element("css selector", "#filters button").click()
    wait_for(opened, f"document.getElementById('count').textContent === '{total} recordings'")
    Select(opened.find_element("id", "speaker")).select_by_index(1)
    assert len(shown_rows(opened)) == total // 2
    opened.find_element("css selector", "#filters button").click()
    wait_for(opened, f"document.getElementById('count').textContent === '{total} recordings'")
    middle = sorted(float(row[3].rstrip("*")) for row in shown_rows(opened))[total // 2]
    opened.find_element("id", "least").send_keys(str(middle))
    stois = [float(row[3].rstrip("*")) for row in shown_rows(opened)]
    assert 0 < len(stois) < total
    assert min(stois) >= middle - 0.001


def test_browser_blind_test_counts_right_answers_by_keyboard(opened):
    press(opened, "1a")
    assert opened.find_element("id", "tally").text == ""  # not started yet
    opened.execute_script("document.getElementById('start').focus()")
    press(opened, " ")
    # One who knows: X is A where the page plays the same file for both.
    opened.execute_script(
        "window.heard = {}; const set = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'src').set;"
        "Object.defineProperty(HTMLMediaElement.prototype, 'src',"
        "{set(value) { window.last = value; set.call(this, value); }})"
    )
    press(opened, "a")
    assert "Listen to A, B and X first" in opened.find_element("id", "said").text
    n_right = 0
    for number in range(1, 8):
        heard = {}
        for key in "12x":
            press(opened, key)
            heard[key] = opened.execute_script("return window.last")
        assert heard["1"] != heard["2"]
        right = "a" if heard["x"] == heard["1"] else "b"
        wrong_on_purpose = number == 3
        press(opened, {"a": "b", "b": "a"}[right] if wrong_on_purpose else right)
        n_right += not wrong_on_purpose
        assert f"{n_right} of {number} right" in opened.find_element("id", "tally").text
    # 6 or more of 7 by guessing: 8 of 128.
    assert "p = 0.063" in opened.find_element("id", "tally").text


def test_browser_blind_test_plays_what_is_asked_for(opened):
    opened.execute_script(
        "window.played = []; const play = HTMLMediaElement.prototype.play;"
        "HTMLMediaElement.prototype.play = function () { window.played.push(this); return play.call(this); }"
    )
    opened.find_element("id", "start").click()
    press(opened, "x")
    wait_for(opened, "window.played.length === 1 && window.played[0].currentTime > 0.05")
    assert opened.execute_script("return Number.isFinite(window.played[0].duration) && !window.played[0].error")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_browser_page_is_never_wider_than_the_window(opened, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_text_has_contrast(opened, scheme):
    """At least 4.5 to 1, WCAG's AA, of every text to what is behind it."""
    opened.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    least = opened.execute_script(
        """
        const parse = (text) => text.match(/[\\d.]+/g).map(Number);
        const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const light = (colour) => {
          const [r, g, b] = parse(colour).slice(0, 3).map((v) => linear(v / 255));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        let least = [99, ""];
        for (const element of document.querySelectorAll("body *")) {
          if (!element.offsetParent || element.closest("button:disabled") || !hasText(element)) continue;
          let behind = element;
          const clear = (node) => (parse(getComputedStyle(node).backgroundColor)[3] ?? 1) === 0;
          while (behind !== document.body && clear(behind)) behind = behind.parentElement;
          const pair = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
          const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
          if (contrast < least[0]) least = [contrast, element.outerHTML.slice(0, 200)];
        }
        return least;
        """
    )
    assert least[0] >= 4.5, least
