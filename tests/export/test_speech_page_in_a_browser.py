"""The page to speak to, in a browser as its users have it: without a server, with a microphone that plays a file."""

import base64
import json
import re
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
from pystoi import stoi
from scipy.signal import fftconvolve

from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.config import InversionConfig, ModelConfig, preset
from speech_autoencoder.data import building, dataset
from speech_autoencoder.export import speech_page
from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.model.network import Network
from tests.helpers.browser import console_of, least_contrast, load_page, open_browser, press, wait_for, window_of
from tests.helpers.speech_models import make_speech_codec

MICROPHONE_SR = 48_000
# Of the page of the codec, whose bounds are lower, so that the tests are quicker.
LONGEST_S = 1.5
MOST_BYTES = 400_000
ARROW_DOWN = "\ue015"


@pytest.fixture(scope="module")
def speech(testing_recordings):
    """Return a waveform of some recordings, 16 kHz."""
    return np.concatenate([waveform for waveform, _ in testing_recordings[::15]])[: 2 * 16_000]


@pytest.fixture(scope="module")
def models(small_speechdata, tmp_path_factory):
    """Return the model that comes with the package, and a codec of the other preset, whose network goes deeper."""
    path, fine = tmp_path_factory.mktemp("fine") / "fine.npy", preset("fine", 22_050)
    building.build(small_speechdata / "training", path, fine, workers=2)
    config = ModelConfig(fine.n_mels, frames_per_latent=8, latent_size=43, stem_frames=4, width=30, depth=2)
    codec = make_speech_codec(dataset.load(path, ""), config)
    return {"classic": model_file.load(pretrained.PATH), "fine": codec}


@pytest.fixture(scope="module")
def pages(models, tmp_path_factory):
    """Return the paths of the page of each model; that of the codec has lower bounds."""
    folder = tmp_path_factory.mktemp("pages with 100 % ü")
    paths = {name: folder / f"{name}.html" for name in models}
    speech_page.write(paths["classic"], models["classic"], "classic.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech_page, "_LONGEST_S", LONGEST_S)
        patch.setattr(speech_page, "_MOST_BYTES", MOST_BYTES)
        speech_page.write(paths["fine"], models["fine"], "fine.h5")
    return paths


@pytest.fixture(scope="module")
def browser(speech, tmp_path_factory):
    """Yield a headless Chromium whose microphone plays the speech, once each time that it is opened."""
    path = tmp_path_factory.mktemp("microphone") / "speech.wav"
    sf.write(path, resample(speech, 16_000, MICROPHONE_SR), MICROPHONE_SR, subtype="PCM_16")
    with open_browser(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}%noloop",
    ) as driver:
        yield driver


@pytest.fixture
def open_page(browser, pages):
    """Yield a function that opens a page; its console must stay empty, and it must request nothing."""
    console_of(browser)
    browser.get_log("performance")

    def open_it(name):
        load_page(browser, pages[name])
        wait_for(browser, "!document.getElementById('example').disabled")
        return browser

    yield open_it
    assert console_of(browser) == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert len(urls) > 0
    own = {page.as_uri() for page in pages.values()}
    assert [url for url in urls if url not in own and not url.startswith(("blob:", "data:"))] == []
    entries = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [url for url in entries if not url.startswith(("blob:", "data:"))] == []


@pytest.fixture
def example(open_page):
    """Return the browser with the page of the package's model, and the results of the example."""
    browser = open_page("classic")
    browser.find_element("id", "example").click()
    wait_until_ready(browser)
    return browser


def status_of(browser):
    """Return the page's (status, error)."""
    return tuple(browser.find_element("id", name).text for name in ("status", "error"))


def wait_until_ready(browser):
    """Wait until the page has computed a recording or complains."""
    wait_for(browser, "/^Ready/.test(element('status').textContent) || element('error').textContent")
    status, error = status_of(browser)
    assert (status[:11], error) == ("Ready after", "")


def give(browser, path):
    """Choose a file in the page's dialogue."""
    browser.find_element("id", "file").send_keys(str(path))


def complaint_about(browser, path):
    """Return what the page says when it is given a file that it cannot use."""
    give(browser, path)
    wait_for(browser, f"element('error').textContent.startsWith({json.dumps(path.name)})")
    return status_of(browser)[1]


def values_of(browser, expression):
    """Return a typed array of the page as float32."""
    text = browser.execute_script(
        f"const values = Float32Array.from({expression}); const bytes = new Uint8Array(values.buffer); let text = '';"
        "for (const byte of bytes) text += String.fromCharCode(byte); return btoa(text)"
    )
    return np.frombuffer(base64.b64decode(text), np.float32)


def as_page_has_it(model):
    """Return the model with its weights rounded as in the page."""

    def rounded(array):
        return array.astype(np.float16).astype(np.float32)

    weights = {name: rounded(array) for name, array in model.network.weights.items()}
    components = model.baseline.decode / np.linalg.norm(model.baseline.decode, axis=1, keepdims=True)
    baseline = replace(
        model.baseline,
        encode=rounded(components).T,
        decode=rounded(components),
        offset=rounded(model.baseline.offset),
    )
    return replace(model, network=Network(model.config, weights), baseline=baseline)


# ---- the same as in Python


@pytest.mark.parametrize("name", ["classic", "fine"])
def test_page_log_mel_latent_frames_and_sounds_are_those_of_python(open_page, models, speech, name, tmp_path):
    browser, model = open_page(name), models[name]
    features = model.features
    # At the features' rate, so that nothing is resampled.
    waveform = resample(speech, 16_000, features.sr)[: int(LONGEST_S * features.sr)]
    sf.write(tmp_path / "speech.wav", waveform, features.sr, subtype="FLOAT")
    give(browser, tmp_path / "speech.wav")
    wait_until_ready(browser)

    rounded, original = as_page_has_it(model), log_mel(waveform, features)
    latent = rounded.network.encode(original)
    expected = {
        "original": original,
        "latent": latent.T,
        "reconstruction": rounded.network.decode(latent)[: features.n_mels, : original.shape[1]],
        "pca": rounded.baseline.reconstruct(original),
    }
    for key, values in expected.items():
        received = values_of(browser, f"shown.{key}").reshape(-1, len(values)).T
        np.testing.assert_allclose(received, values, atol=1e-4, err_msg=key)

    log_mels = {
        "reconstruction": model.network.decode(model.network.encode(original))[:, : original.shape[1]],
        "copy_synthesis": original,
        "pca": model.baseline.reconstruct(original),
    }
    for key, values in log_mels.items():
        ours = invert(values, features, InversionConfig(), len(waveform))
        received = values_of(browser, f"shown.sounds.{key}")
        assert len(received) == len(waveform)
        scores = [stoi(waveform, sound, features.sr) for sound in (ours, received)]
        assert scores[1] == pytest.approx(scores[0], abs=0.005), key
    # The same phases too, where the log-mel is the same; other phases correlate near 0.
    ours = invert(original, features, InversionConfig(), len(waveform))
    assert np.corrcoef(ours, values_of(browser, "shown.sounds.copy_synthesis"))[0, 1] > 0.99


def test_page_resamples_as_well_as_python(open_page, speech, tmp_path):
    browser = open_page("fine")
    sf.write(tmp_path / "speech.flac", speech[: int(LONGEST_S * 16_000)], 16_000)
    give(browser, tmp_path / "speech.flac")
    wait_until_ready(browser)
    features = preset("fine", 22_050)
    waveform, _ = sf.read(tmp_path / "speech.flac", dtype="float32")
    expected = log_mel(resample(waveform, 16_000, features.sr), features)
    received = values_of(browser, "shown.original").reshape(-1, features.n_mels).T
    assert received.shape == expected.shape
    below_edge = np.arange(features.n_mels) < 60  # 7 kHz: above, filters that cut at 8 kHz differ
    assert np.abs(received - expected)[below_edge].max() * features.range_db < 0.1


# ---- where sounds come from


def test_page_records_from_the_microphone(open_page, speech):
    browser = open_page("classic")
    button = browser.find_element("id", "record")
    browser.execute_script("arguments[0].focus()", button)
    press(browser, " ")
    wait_for(browser, "element('level').value > 0.5 && parseFloat(element('time').textContent) > 1.2")
    assert button.text == "Stop"
    press(browser, " ")
    wait_until_ready(browser)
    assert button.text == "Record"
    assert browser.find_element("id", "name").text == "Your recording"
    sr = browser.execute_script("return shown.sr")
    received = values_of(browser, "shown.samples")
    assert 1 < len(received) / sr < 4
    # What the microphone heard, to the sample: neither compressed nor processed.
    piece = resample(speech, 16_000, sr)[sr // 2 : sr]
    likeness = fftconvolve(received, piece[::-1], "valid")
    likeness /= np.sqrt(np.maximum(fftconvolve(received**2, np.ones(len(piece)), "valid"), 1e-6) * (piece**2).sum())
    assert likeness.max() > 0.999


def test_page_stops_recording_at_its_longest(open_page):
    browser = open_page("fine")
    browser.find_element("id", "record").click()
    wait_until_ready(browser)
    assert browser.execute_script("return shown.samples.length / shown.sr") <= LONGEST_S
    assert browser.find_element("id", "record").text == "Record"


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("NotAllowedError", "may not use the microphone: allow it"),
        ("NotFoundError", "There is no microphone: connect one"),
        ("NotReadableError", "another program uses it"),
        ("AbortError", r"cannot be used \(for a reason\): choose a file"),
        (None, "open it from disk or over https"),
    ],
)
def test_page_without_microphone_says_why(open_page, failure, words):
    browser = open_page("fine")
    stub = f"{{ getUserMedia: () => Promise.reject(new DOMException('for a reason', '{failure}')) }}"
    value = stub if failure else "undefined"
    browser.execute_script(f"Object.defineProperty(navigator, 'mediaDevices', {{ value: {value} }})")
    browser.find_element("id", "record").click()
    wait_for(browser, "element('error').textContent")
    status, error = status_of(browser)
    assert re.search(words, error)
    assert "choose a file" in error
    assert status == ""
    assert browser.find_element("id", "record").text == "Record"
    assert browser.find_element("id", "record").is_enabled()


def test_page_takes_a_file_that_is_dropped(open_page, speech, tmp_path):
    browser = open_page("fine")
    sf.write(tmp_path / "speech.ogg", speech[:16_000], 16_000)
    browser.execute_script(
        """
        const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], "a <b>name</b> & 한국어.ogg"));
        for (const type of ["dragover", "drop"]) {
          const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
          if (document.body.dispatchEvent(event)) throw new Error("the browser would open the file itself");
        }
        """,
        base64.b64encode((tmp_path / "speech.ogg").read_bytes()).decode(),
    )
    wait_until_ready(browser)
    assert browser.find_element("id", "name").text == "a <b>name</b> & 한국어.ogg"
    assert browser.execute_script("return shown.samples.length / shown.sr") == pytest.approx(1, abs=0.01)
    browser.execute_script(
        "document.body.dispatchEvent(new DragEvent('drop', "
        "{ dataTransfer: new DataTransfer(), bubbles: true, cancelable: true }))"
    )
    assert "not a file" in status_of(browser)[1]


def test_page_complains_about_what_is_not_a_usable_sound(open_page, tmp_path):
    browser = open_page("fine")
    noise = np.random.default_rng(0)
    contents = {
        "notes.wav": b"Dear diary, this is not a sound.",
        "picture.mp3": b"\x89PNG\r\n\x1a\n" + noise.bytes(2_000),
        "long.bin": noise.bytes(MOST_BYTES + 1),
        "empty.wav": b"",
    }
    expected = {
        "notes.wav": "not a sound that this browser can read: choose a recording",
        "picture.mp3": "not a sound that this browser can read",
        "long.bin": "larger than 0.4 MB and cannot be read in part",
        "empty.wav": "is empty",
        "silent.wav": r"is silent \(every sample is 0\)",
        "quiet.wav": r"is silent \(its peak is -80 dB\)",
        "short.wav": "has 0.05 s of sound: choose one of 0.1 s or more",
        "cancelled.wav": None,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    tone = np.sin(np.arange(8_000) / 5)
    sf.write(tmp_path / "silent.wav", 0 * tone, 8_000)
    sf.write(tmp_path / "quiet.wav", 1e-4 * tone, 8_000, subtype="FLOAT")
    sf.write(tmp_path / "short.wav", tone[:400], 8_000)
    sf.write(tmp_path / "cancelled.wav", np.stack([tone, -tone], 1) / 2, 8_000)
    for name, words in expected.items():
        if words:
            assert re.search(words, complaint_about(browser, tmp_path / name))
        else:
            give(browser, tmp_path / name)
            wait_until_ready(browser)


def test_page_cuts_what_is_too_long_and_says_so(open_page, speech, tmp_path):
    browser = open_page("fine")
    sf.write(tmp_path / "long.wav", np.tile(speech, 5), 16_000)  # more bytes than are read
    give(browser, tmp_path / "long.wav")
    wait_until_ready(browser)
    assert "Only the first 2 s of long.wav were used" in status_of(browser)[0]
    assert browser.execute_script("return shown.samples.length / shown.sr") == LONGEST_S
    assert browser.find_element("id", "audio-reconstruction").get_property("duration") == pytest.approx(LONGEST_S)


def test_page_in_a_browser_that_is_too_old_says_so(browser, pages):
    command = {"source": "delete window.Worker"}
    identifier = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", command)["identifier"]
    try:
        load_page(browser, pages["fine"])
        assert "there is no Worker" in status_of(browser)[1]
        assert not browser.find_element("id", "record").is_enabled()
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier})
    assert console_of(browser) == []


# ---- what one hears and sees


def test_page_example_is_heard_and_seen(example):
    assert example.find_element("id", "name").text == "The example"
    duration = sf.info(speech_page.EXAMPLE).duration
    for key in ("original", "reconstruction", "copy_synthesis", "pca"):
        assert example.find_element("id", f"audio-{key}").get_property("duration") == pytest.approx(duration, abs=0.001)
        assert np.abs(values_of(example, f"shown.sounds.{key}")).max() > 0.1
    for key in ("picture-original", "picture-reconstruction", "picture-difference"):
        canvas = f"element('{key}')"
        pixels = values_of(example, f"{canvas}.getContext('2d').getImageData(0, 0, 46, 128).data")
        assert example.execute_script(f"return [{canvas}.width, {canvas}.height]") == [46, 128]
        assert len(np.unique(pixels)) > 50
    inked = "[...document.querySelectorAll('.waveform')].map((canvas) => canvas.getContext('2d')"
    inked += ".getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0))"
    assert example.execute_script(f"return {inked}") == [True, True]
    assert re.search(r"736 values in the latent", example.find_element("id", "facts").text)
    times = [cell.text for cell in example.find_elements("css selector", "[data-step]")]
    assert all(re.fullmatch(r"\d+ ms", text) for text in times)


def test_page_sounds_play_one_at_a_time_and_go_on_at_the_same_place(example):
    playing = "[...document.querySelectorAll('audio')].filter((audio) => !audio.paused)"
    example.execute_script("element('seek').value = 0.3; element('seek').dispatchEvent(new Event('input'))")
    for key, name in (("2", "reconstruction"), ("1", "original"), ("4", "pca"), ("3", "copy_synthesis")):
        press(example, key)
        heard = wait_for(example, f"{playing}.map((audio) => [audio.id, audio.currentTime]).find(([, at]) => at > 0.3)")
        assert heard[0] == f"audio-{name}"
        assert example.execute_script(f"return {playing}.length") == 1
        pressed = "[...document.querySelectorAll('#sounds [aria-pressed=true]')].map((button) => button.dataset.sound)"
        wait_for(example, f"String({pressed}) === '{name}'")
    press(example, "3")
    wait_for(example, f"{playing}.length === 0 && !document.querySelector('#sounds [aria-pressed=true]')")


def test_page_muted_rows_are_left_out_of_the_reconstruction(example, models):
    network = as_page_has_it(models["classic"]).network
    latent = values_of(example, "shown.latent").reshape(-1, network.config.latent_size)
    before = values_of(example, "shown.sounds.reconstruction")
    rows = example.find_elements("css selector", "#latent button")
    assert [row.accessible_name for row in rows[:2]] == ["Row 1", "Row 2"]
    rows[0].click()
    press(example, ARROW_DOWN + ARROW_DOWN + " ")
    wait_for(example, "/without 2 rows/.test(element('status').textContent)")
    assert [row.get_attribute("aria-pressed") for row in rows[:4]] == ["true", "false", "true", "false"]
    muted = latent.copy()
    muted[:, [0, 2]] = latent[:, [0, 2]].mean(axis=0)
    n_frames = example.execute_script("return shown.nFrames")
    expected = network.decode(muted)[: network.config.n_mels, :n_frames]
    received = values_of(example, "shown.reconstruction").reshape(n_frames, -1).T
    np.testing.assert_allclose(received, expected, atol=1e-4)
    assert not np.allclose(values_of(example, "shown.sounds.reconstruction"), before, atol=0.01)
    example.find_element("id", "mute-all").click()
    wait_for(example, "/without 32 rows/.test(element('status').textContent)")
    example.find_element("id", "unmute-all").click()
    wait_for(example, "/all rows again/.test(element('status').textContent)")
    np.testing.assert_array_equal(values_of(example, "shown.sounds.reconstruction"), before)


def test_page_reconstruction_is_downloaded_as_wav(example, tmp_path):
    example.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    example.find_element("id", "download").click()
    for _ in range(100):
        if (tmp_path / "reconstruct.wav").exists():
            break
        time.sleep(0.1)
    waveform, sr = sf.read(tmp_path / "reconstruct.wav")
    assert sr == 22_050
    np.testing.assert_allclose(waveform, values_of(example, "shown.sounds.reconstruction"), atol=1e-4)


def test_page_fits_narrow_windows_and_is_readable(example):
    for width in (320, 360, 1280):
        with window_of(example, width):
            assert example.execute_script("return document.documentElement.scrollWidth") <= width
    for scheme in ("light", "dark"):
        contrast, where = least_contrast(example, scheme)
        assert contrast >= 4.5, where
    for control in example.find_elements("css selector", "button, input, meter, progress, canvas[role], a"):
        if control.is_displayed():
            assert control.accessible_name, control.get_attribute("outerHTML")
