"""Recognisers that others have trained, by stand-ins of their packages: what they are given, what is made of it."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import installed_recognisers as pretrained
from tests.helpers.common import one_line_of

SR = 8_000
LABELS = {"7_ann_0.wav": "7", "8_ann_0.wav": "Eight!", "seven_bob_0.wav": "seven"}
LOUD, QUIET = np.full(800, 0.5, np.float32), np.concatenate([np.full(400, 1e-3), np.zeros(400)]).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("7", "seven"),
        (" Seven. ", "seven"),
        ("Forty-Two", "forty two"),
        ("42", "forty two"),
        ("0", "zero"),
        ("100", "one hundred"),
        ("315", "three hundred fifteen"),
        ("007", "zero zero seven"),
        ("1999", "one nine nine nine"),
        ("Don\N{RIGHT SINGLE QUOTATION MARK}t, you!", "don't you"),
        ("Été_3", "été three"),
        ("9" * 5_000, " ".join(["nine"] * 5_000)),
        ("?", ""),
    ],
)
def test_plain_is_what_is_said(text, words):
    assert pretrained.plain(text) == words


def test_prepare_has_one_level_and_is_the_same_each_time():
    loud, quiet = (pretrained.prepare(sound, sr=SR) for sound in (LOUD, LOUD / 100))
    assert len(loud) == 2 * len(LOUD) + 2 * round(0.3 * pretrained.SR)
    assert np.allclose(loud, quiet, atol=1e-6)
    assert loud.any() and abs(loud).max() < 1
    assert np.isfinite(pretrained.prepare(np.zeros(0, np.float32), sr=SR)).all()


class Decoder:
    """A stand-in for pocketsphinx's: hears "eight" where the sound has an even number of samples, else the word `odd`.

    It remembers, as the real one does, until it is told not to.
    """

    odd = "seven"

    def __init__(self, **options):
        assert options["lm"] is None
        self.fresh, self.grammar = False, None

    def lookup_word(self, word):
        return "S" if word in ("seven", "eight", "forty", "two") else None

    def add_jsgf_string(self, name, text):
        self.grammar = (name, text)

    def activate_search(self, name):
        assert self.grammar[0] == name

    def reinit_feat(self):
        self.fresh = True

    def start_utt(self):
        assert self.grammar and self.fresh
        self.heard = None

    def process_raw(self, sound, *, full_utt):
        samples = np.frombuffer(sound, "<i2")
        assert full_utt and abs(samples).max() > 10_000
        self.heard = Decoder.odd if len(samples) % 2 else "eight"

    def end_utt(self):
        self.fresh = False

    def hyp(self):
        return self.heard and SimpleNamespace(hypstr=self.heard)


def install(monkeypatch, name, **contents):
    """Nothing; a module of this name can be imported."""
    module = ModuleType(name)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name, module)


def test_pocketsphinx_hears_labels_in_a_grammar_of_them(monkeypatch):
    install(monkeypatch, "pocketsphinx", Decoder=Decoder)
    heard, words = pretrained.load("pocketsphinx", LABELS | {"a.wav": "Forty-two", "b.wav": "aller"})
    assert words["7_ann_0.wav"] == words["seven_bob_0.wav"] == "seven"
    assert heard.labels == ["eight", "forty two", "seven"]  # the dictionary has no "aller"
    sound = np.tile(LOUD, 2)
    assert heard.recognise([sound, np.append(sound, 0.1), sound], sr=pretrained.SR) == ["eight", "seven", "eight"]
    assert heard._local.decoder.grammar[1].endswith("public <words> = eight | forty two | seven;")
    monkeypatch.setattr(Decoder, "odd", None)
    assert heard.recognise([np.append(sound, 0.1)], sr=pretrained.SR) == [""]


def test_load_labels_that_are_no_words_of_it_are_refused(monkeypatch):
    install(monkeypatch, "pocketsphinx", Decoder=Decoder)
    for labels, said in (
        ({}, "testing has 0"),
        ({"a.wav": "seven", "b.wav": "7"}, "testing has 1"),
        ({f"{i}.wav": str(i) for i in range(101)}, "testing has 101"),
        ({"a.wav": "aller", "b.wav": "seven"}, '"aller"'),
    ):
        with pytest.raises(InputError, match="pocketsphinx") as error:
            pretrained.load("pocketsphinx", labels)
        assert said in one_line_of(error)


def test_load_without_the_package_names_what_to_install(monkeypatch):
    for kind, package in (("pocketsphinx", "pocketsphinx"), ("whisper", "faster-whisper")):
        monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
        with pytest.raises(InputError, match=f"pip install {package}") as error:
            pretrained.load(kind, LABELS)
        one_line_of(error)


class WhisperModel:
    """A stand-in for faster-whisper's: hears the same in everything."""

    says = (" Se", "ven.")

    def __init__(self, path, **options):
        assert options["local_files_only"]

    def transcribe(self, sound, **options):
        assert sound.dtype == np.float32 and options["language"] == "en" and options["hotwords"] == "eight, seven"
        return iter([SimpleNamespace(text="".join(self.says))]), None


@pytest.fixture
def models(monkeypatch, tmp_path):
    """A folder of models, in which a stand-in for faster-whisper looks for them."""

    def download_model(name, *, local_files_only):
        assert local_files_only
        if not (tmp_path / name).is_dir():
            raise FileNotFoundError(name)
        return str(tmp_path / name)

    install(monkeypatch, "faster_whisper", download_model=download_model, WhisperModel=WhisperModel)
    return tmp_path


def add_model(folder, *files):
    """Nothing; the folder holds these files."""
    folder.mkdir()
    for name in files:
        (folder / name).touch()


def test_whisper_is_what_is_on_disk_and_whole(models, monkeypatch):
    add_model(models / "base.en", "model.bin", "config.json")  # would fetch its tokenizer
    add_model(models / "tiny.en", "model.bin", "config.json", "tokenizer.json")
    heard, _ = pretrained.load("whisper", LABELS)
    assert (heard.name, heard.labels) == ("whisper tiny.en", ["eight", "seven"])
    assert heard.recognise([LOUD, QUIET], sr=SR) == ["seven", "seven"]
    for says in (("Thank you.",), ()):
        monkeypatch.setattr(WhisperModel, "says", says)
        assert heard.recognise([LOUD], sr=SR) == [""]


def test_whisper_without_a_model_says_how_to_fetch_one(models):
    add_model(models / "base", "model.bin")
    with pytest.raises(InputError, match="download_model") as error:
        pretrained.load("whisper", LABELS)
    one_line_of(error)


def test_whisper_model_that_cannot_be_opened_is_named(models, monkeypatch):
    def refuse(self, *path, **options):
        raise RuntimeError("File model.bin is incomplete")

    add_model(models / "base", "model.bin", "config.json", "tokenizer.json")
    monkeypatch.setattr(WhisperModel, "__init__", refuse)
    with pytest.raises(InputError, match="incomplete"):
        pretrained.load("whisper", LABELS)
