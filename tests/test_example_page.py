"""The page of sounds, docs/example/index.html, and the tool that makes it."""

import base64
import io
import json
import lzma
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics.metric import Sound
from speech_autoencoder.evaluation.metrics.registry import measure_sound
from tests.helpers.browser import console_of, least_contrast, load_page, press, wait_for, window_of
from tests.helpers.common import ROOT
from tools.example_page import __main__ as tool
from tools.example_page import page, systems
from tools.example_page.recordings import HARDEST, LEAST_S, LICENCES, MEDIAN, VOICES, choose, join_recordings, meaning

PAGE = ROOT / "docs" / "example" / "index.html"
MODEL = ROOT / "tests" / "model" / "model_format_5.h5.xz"
README = " ".join(re.sub("[<>]", "", (ROOT / "speechdata" / "README.md").read_text(encoding="utf-8")).split())
POSITION = "(playing ? context.currentTime - playing.startedAt : 0)"
# Elements that load what their attribute names.
LOADING = {"src", "srcset", "poster", "data", "action", "background"}


class _Reader(HTMLParser):
    """The elements of a page: (tag, attributes), and its text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def _file(uri):
    """Return what a data URI holds, as a file."""
    return io.BytesIO(base64.b64decode(uri.split(",")[1]))


def _sound(uri):
    return sf.read(_file(uri), dtype="float32")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the path of a page that the tool has made, with small models and few recordings."""
    folder = tmp_path_factory.mktemp("example")
    for side, every in (("training", 10), ("testing", 7)):
        (folder / side / "it-carlo").mkdir(parents=True)
        for path in sorted((ROOT / "speechdata" / side / "it-carlo").iterdir())[::every]:
            shutil.copy(path, folder / side / "it-carlo")
    (folder / "models").mkdir()
    for name in systems.MODELS:
        (folder / "models" / f"{name}.h5").write_bytes(lzma.decompress(MODEL.read_bytes()))
    arguments = [str(folder / "models"), "--output", str(folder / "index.html")]
    arguments += ["--training-dir", str(folder / "training"), "--testing-dir", str(folder / "testing")]
    tool.make(tool.parse(arguments))
    return folder / "index.html"


@pytest.fixture(params=["made here", "of the project"])
def read(request, made):
    """Return the _Reader of a page: one of small models, and the one in docs."""
    return _Reader((made if request.param == "made here" else PAGE).read_text(encoding="utf-8"))


def test_page_loads_nothing_from_elsewhere(read):
    loaded = [v for _, attributes in read.elements for k, v in attributes.items() if k in LOADING]
    loaded += [attributes["href"] for attributes in read.all("link")]
    assert loaded
    assert all(value.startswith("data:") for value in loaded)
    assert "default-src 'none'" in read.all("meta")[1]["content"]


def test_page_links_lead_to_its_own_parts_or_to_licences(read):
    ids = {attributes["id"] for _, attributes in read.elements if "id" in attributes}
    links = [attributes["href"] for attributes in read.all("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    others = {link for link in links if not link.startswith("#")}
    assert others
    assert others <= {*LICENCES.values()}


def test_page_sounds_of_a_recording_are_lossless_and_of_one_length(read):
    sounds = [sf.info(_file(attributes["src"])) for attributes in read.all("audio")]
    assert {(s.format, s.subtype, s.samplerate, s.channels) for s in sounds} == {("FLAC", "PCM_16", 16_000, 1)}
    n_recordings = len(read.all("article"))
    lengths = np.array([sound.frames for sound in sounds]).reshape(n_recordings, -1)
    assert (lengths == lengths[:, :1]).all()
    assert (lengths >= LEAST_S * 16_000).all()
    assert len(read.all("img")) == len(sounds)


def test_page_names_voices_and_licences(read):
    voices = [voice for voice in VOICES.values() if f"says in {voice.language}" in read.text]
    assert "Italian" in {voice.language for voice in voices}
    for voice in voices:
        for text in (voice.speaker, voice.licence, voice.attribution):
            assert text in read.text


def test_page_without_a_codec_names_it(made):
    text = made.read_text(encoding="utf-8")
    assert re.search(r"not installed when the page was made: [^<]*Lyra v2", text)
    assert "<dt>Lyra" not in text


def test_page_of_the_project_has_six_recordings_in_five_languages_and_is_small():
    read = _Reader(PAGE.read_text(encoding="utf-8"))
    assert len(read.all("article")) == 6
    assert all(f"says in {voice.language}" in read.text for voice in VOICES.values())
    assert PAGE.stat().st_size < 3_500_000


def test_page_scores_are_of_the_sounds_that_it_plays(made):
    for article in made.read_text(encoding="utf-8").split("<article")[1:]:
        figures = article.split("<figure>")[1:]
        (original, _), (decoded, sr) = (_sound(re.search('audio [^>]*src="([^"]*)', figures[i])[1]) for i in (0, -1))
        assert "STOI" not in figures[0]
        measured = measure_sound(Sound(original, sr), Sound(decoded, sr), ["stoi", "estoi"])
        for key, metric in (("stoi", "STOI"), ("estoi", "ESTOI")):
            shown = float(re.search(f"<dt>{metric}</dt><dd>([^<]*)", figures[-1])[1])
            assert shown == pytest.approx(measured[key].value, abs=2e-3)


def test_to_flac_round_trip_is_lossless():
    samples = np.random.default_rng(0).integers(-20_000, 20_000, 1_000).astype(np.int16)
    decoded, sr = sf.read(_file(page.to_flac(samples / 32_768)), dtype="int16")
    assert sr == 16_000
    np.testing.assert_array_equal(decoded, samples)


def test_choose_takes_the_median_of_each_folder_and_the_hardest_of_the_rest():
    folders = ["en-allison"] * 3 + ["it-carlo"] * 4
    assert choose(folders, [0.9, 0.7, 0.8, 0.6, 0.5, 0.95, 0.65]) == {2: MEDIAN, 3: MEDIAN, 4: HARDEST}


def test_choose_few_recordings_takes_each_once():
    assert choose(["en-allison", "fr-june"], [0.9, 0.8]) == {0: MEDIAN, 1: MEDIAN}


@pytest.mark.parametrize(
    ("prompt", "said"),
    {
        "13": "13",
        "h-1": "1st",
        "h-12": "12th",
        "h-22": "22nd",
        "h-million": "millionth",
        "mon-0": "January",
        "day-6": "Saturday",
        "ascii36": "dollar sign",
        "b": "B",
        "d-p": "the word for D",
        "slash": "slash",
        "a-m": "a m",
    }.items(),
)
def test_meaning_of_a_prompt(prompt, said):
    assert meaning(prompt) == said


def test_join_recordings_other_folders_are_refused(tmp_path):
    (tmp_path / "de-nobody").mkdir()
    sf.write(tmp_path / "de-nobody" / "a.wav", np.zeros(800), 16_000)
    with pytest.raises(InputError, match="holds de-nobody, expected folders of speechdata/testing"):
        join_recordings(tmp_path)


def test_train_missing_trains_the_models_that_are_missing(tmp_path, monkeypatch):
    calls = []

    def run_script(name, folder, *arguments):
        calls.append((name, *arguments))
        if name.startswith("autoencoder"):
            (folder / "my_model_for_many_data.h5").write_text("trained")

    monkeypatch.setattr(systems, "run_script", run_script)
    (tmp_path / "classic.h5").write_text("ready")
    (tmp_path / "fine.h5").write_text("ready")
    systems.train_missing(tmp_path, tmp_path / "training", 3.0)
    assert calls == [
        ("train_data_generator", "--audio-dir", tmp_path / "training", "--preset", "fine"),
        ("autoencoder_for_many_data", "--minutes", 3.0, "--codec"),
    ]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "classic.h5": "ready",
        "fine.h5": "ready",
        "codec.h5": "trained",
    }


@pytest.mark.parametrize("folder", VOICES)
def test_voices_are_those_of_the_readme_of_speechdata(folder):
    voice = VOICES[folder]
    assert (ROOT / "speechdata" / "testing" / folder).is_dir()
    assert LICENCES[voice.licence] in README
    for sentence in re.split(r"(?<=\.) (?=[A-Z])", voice.attribution):
        assert sentence.split(" (")[0].rstrip(".") in README


# In a browser, from the disk


@pytest.fixture
def opened(browser, made):
    """Yield the browser with the page open; its console must stay empty."""
    load_page(browser, made)
    yield browser
    assert console_of(browser) == []


def pressed(browser):
    """Return (recording, sound) of all buttons that are pressed."""
    return browser.execute_script(
        "return articles.flatMap((article, i) => buttonsOf(article).map((button, k) => [button, i, k]))"
        ".filter(([button]) => button.getAttribute('aria-pressed') === 'true').map(([, i, k]) => [i, k])"
    )


def start(browser, recording):
    """Start the original of a recording by the keyboard."""
    browser.execute_script("buttonsOf(articles[arguments[0]])[0].focus()", recording)
    press(browser, " ")
    wait_for(browser, f"{POSITION} > 0.1 && playing.article === articles[{recording}]")


def test_browser_another_sound_goes_on_at_the_same_place(opened):
    start(opened, 1)
    started_at = opened.execute_script("return playing.startedAt")
    assert pressed(opened) == [[1, 0]]
    press(opened, "3")
    assert pressed(opened) == [[1, 2]]
    assert opened.execute_script("return playing.startedAt") == started_at
    wait_for(opened, "playing.gains.every(({ gain }, k) => Math.abs(gain.value - GAIN * (k === 2)) < 0.01)")
    assert opened.execute_script(f"return {POSITION}") > 0.1


def test_browser_one_recording_plays_at_a_time_and_escape_stops(opened):
    start(opened, 0)
    start(opened, 1)
    assert pressed(opened) == [[1, 0]]
    press(opened, "\ue00c")
    assert pressed(opened) == []
    assert opened.execute_script("return playing") is None


def test_browser_sound_ends_by_itself_unless_repeated(opened):
    start(opened, 0)
    wait_for(opened, "!playing")
    assert pressed(opened) == []
    press(opened, "r")
    start(opened, 0)
    wait_for(opened, f"{POSITION} > playing.duration + 0.3")
    assert pressed(opened) == [[0, 0]]
    press(opened, "r")
    wait_for(opened, "!playing")


def test_browser_page_asks_for_nothing(opened, made):
    start(opened, 0)
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {url for url in urls if not url.startswith("data:")} == {made.as_uri()}


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_browser_page_fits_the_window(opened, width):
    with window_of(opened, width):
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_text_has_contrast(opened, scheme):
    contrast, where = least_contrast(opened, scheme)
    assert contrast >= 4.5, where
