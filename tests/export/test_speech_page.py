"""The page to speak to as a file: what is in it, what may not be, and whether the one in docs/ is up to date."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.cli.inputs import SHIPPED_RECORDING
from speech_autoencoder.cli.origins import is_speech_page
from speech_autoencoder.export import speech_page
from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.model.layers import ACTIVATIONS, LAYERS
from speech_autoencoder.model.network import Network
from speech_autoencoder.report.templating import hash_source
from tests.helpers.common import ROOT, refused

TEMPLATES = ROOT / "speech_autoencoder" / "export" / "templates"
IN_DOCS = ROOT / "docs" / "page.html"
HOSTILE = "<img src=x onerror=alert(1)>\"'</script>{{ 7 * 7 }}.h5"


@pytest.fixture(scope="module")
def shipped():
    """Return the model that comes with the package."""
    return model_file.load(pretrained.PATH)


@pytest.fixture(scope="module")
def text(shipped):
    """Return the text of its page, which calls it by a hostile name."""
    return speech_page.build(shipped, HOSTILE)


def content_of(text, name):
    """Return what is between the tags of the element with an id."""
    return re.search(rf'id="{name}">([^<]*)<', text)[1]


def without_weights(text):
    return re.sub(r'(id="weights-data">)[^<]*', r"\1", text)


def names_in_object(source, name):
    """Return the names of the functions in an object of JavaScript."""
    body = re.search(rf"^const {name} = {{\n(.*?)^}};", source, re.DOTALL | re.MULTILINE)[1]
    return set(re.findall(r"^  (\w+)[(:]", body, re.MULTILINE))


def test_build_has_every_weight_in_float16(text, shipped):
    description = json.loads(content_of(text, "model-data"))
    values = np.frombuffer(base64.b64decode(content_of(text, "weights-data")), "<f2")
    places = [description["pca"]["offset"], description["pca"]["components"]]

    def collect(step):
        for layer in step.get("layers", ()):
            collect(layer)
        places.extend(step.get("weights", ()))

    for part in description["parts"].values():
        for path in part["paths"]:
            for step in path:
                collect(step)
    # Each value belongs to one array.
    places.sort(key=lambda place: place["start"])
    ends = np.cumsum([place["size"] for place in places])
    assert [place["start"] for place in places] == [0, *ends[:-1]]
    baseline = shipped.baseline
    assert ends[-1] == len(values) == shipped.network.n_weights + baseline.offset.size + baseline.decode.size
    first = shipped.network.weights["encoder/linear_encoder/kernel"]
    np.testing.assert_array_equal(values[: first.size], first.ravel().astype(np.float16))


def test_build_gives_the_configurations_as_they_are(text, shipped):
    description = json.loads(content_of(text, "model-data"))
    assert description["features"] == shipped.features.to_json()
    assert description["inversion"]["griffin_lim_rounds"] == 20
    assert "values per second" in text
    assert "There is no latent search here" in text


def test_build_escapes_names_and_allows_only_its_own_code(text):
    assert HOSTILE not in text
    assert "&lt;img src=x onerror=alert(1)&gt;&#34;&#39;&lt;/script&gt;{{ 7 * 7 }}.h5" in text
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    script, style = (re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1] for tag in ("script", "style"))
    assert dict(rule.split(" ", 1) for rule in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": hash_source(script),
        "style-src": hash_source(style),
        "img-src": "data:",
        "media-src": "blob:",
        "worker-src": "blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert "<!--" not in script
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|eval|innerHTML|import)\b", script)
    # What is named elsewhere is only a link to a licence.
    assert re.findall(r"https?://[^\s\"<]+", text) == ["https://creativecommons.org/licenses/by-sa/3.0/"]


def test_build_of_a_codec_says_that_its_latent_is_not_quantised(text, shipped):
    assert "not quantised" not in text
    assert "not quantised" in speech_page.build(replace(shipped, entropy=object()), "codec.h5")


def test_build_refuses_weights_beyond_float16(shipped):
    weights = shipped.network.weights
    name = "decoder/learned_decoder/bias"
    broken = replace(shipped, network=Network(shipped.config, weights | {name: weights[name] + 1e5}))
    refused(name, "float16", do=lambda: speech_page.build(broken, "x.h5"))


def test_layers_of_the_page_are_those_of_the_network():
    source = (TEMPLATES / "network.js").read_text()
    assert names_in_object(source, "LAYERS") == set(LAYERS)
    assert names_in_object(source, "ACTIVATIONS") == set(ACTIVATIONS)


def test_example_is_a_recording_that_models_were_not_trained_on():
    assert speech_page.EXAMPLE.read_bytes() == (ROOT / SHIPPED_RECORDING).read_bytes()
    assert "testing" in SHIPPED_RECORDING.parts


def test_page_in_docs_is_up_to_date(shipped):
    """But for its weights."""
    assert is_speech_page(IN_DOCS)
    assert IN_DOCS.stat().st_size < 7_000_000
    now = without_weights(speech_page.build(shipped, speech_page.SHIPPED_NAME))
    is_current = without_weights(IN_DOCS.read_text(encoding="utf-8")) == now
    assert is_current, "run speech-autoencoder page --output docs/page.html"
