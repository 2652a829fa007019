"""Recognisers that others have trained, with stand-ins of their packages: what they are given, what they return."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import installed_recognisers
from tests.helpers.common import one_line_of

SR = 8_000
LABELS = {"7_ann_0.wav": "7", "8_ann_0.wav": "Eight!", "seven_bob_0.wav": "seven"}
LOUD = np.full(800, 0.5, np.float32)
QUIET = np.concatenate([np.full(400, 1e-3), np.zeros(400)]).astype(np.float32)


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
def test_normalise_words_is_what_is_said(text, words):
    assert installed_recognisers.normalise_words(text) == words


def test_prepare_has_one_level_and_is_the_same_each_time():
    loud, quiet = (installed_recognisers.prepare(sound, sr=SR) for sound in (LOUD, LOUD / 100))
    assert len(loud) == 2 * len(LOUD) + 2 * round(0.3 * installed_recognisers.SR)
    assert np.allclose(loud, quiet, atol=1e-6)
    assert loud.any() and abs(loud).max() < 1
    assert np.isfinite(installed_recognisers.prepare(np.zeros(0, np.float32), sr=SR)).all()


class Decoder:
    """A stand-in for that of pocketsphinx: "eight" for an even number of samples, otherwise the word `odd`.

    It remembers earlier sounds, as the real one does, until it is told not to.
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
        self.best = None

    def process_raw(self, sound, *, full_utt):
        samples = np.frombuffer(sound, "<i2")
        assert full_utt and abs(samples).max() > 10_000
        self.best = Decoder.odd if len(samples) % 2 else "eight"

    def end_utt(self):
        self.fresh = False

    def hyp(self):
        return self.best and SimpleNamespace(hypstr=self.best)


def install(monkeypatch, name, **contents):
    """Make a module of this name importable."""
    module = ModuleType(name)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name, module)


def test_pocketsphinx_recognises_labels_in_a_grammar_of_them(monkeypatch):
    install(monkeypatch, "pocketsphinx", Decoder=Decoder)
    recogniser, words = installed_recognisers.load("pocketsphinx", LABELS | {"a.wav": "Forty-two", "b.wav": "aller"})
    assert words["7_ann_0.wav"] == words["seven_bob_0.wav"] == "seven"
    assert recogniser.labels == ["eight", "forty two", "seven"]  # the dictionary has no "aller"
    sound = np.tile(LOUD, 2)
    assert recogniser.recognise([sound, np.append(sound, 0.1), sound], sr=installed_recognisers.SR) == [
        "eight",
        "seven",
        "eight",
    ]
    assert recogniser._local.decoder.grammar[1].endswith("public <words> = eight | forty two | seven;")
    monkeypatch.setattr(Decoder, "odd", None)
    assert recogniser.recognise([np.append(sound, 0.1)], sr=installed_recognisers.SR) == [""]


def test_load_unknown_labels_are_refused(monkeypatch):
    install(monkeypatch, "pocketsphinx", Decoder=Decoder)
    for labels, said in (
        ({}, "testing has 0"),
        ({"a.wav": "seven", "b.wav": "7"}, "testing has 1"),
        ({f"{i}.wav": str(i) for i in range(101)}, "testing has 101"),
        ({"a.wav": "aller", "b.wav": "seven"}, '"aller"'),
    ):
        with pytest.raises(InputError, match="pocketsphinx") as error:
            installed_recognisers.load("pocketsphinx", labels)
        assert said in one_line_of(error)


def test_load_without_the_package_names_what_to_install(monkeypatch):
    for kind, package in (("pocketsphinx", "pocketsphinx"), ("whisper", "faster-whisper")):
        monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
        with pytest.raises(InputError, match=f"pip install {package}") as error:
            installed_recognisers.load(kind, LABELS)
        one_line_of(error)


class WhisperModel:
    """A stand-in for that of faster-whisper: recognises the same in everything."""

    says = (" Se", "ven.")

    def __init__(self, path, **options):
        assert options["local_files_only"]

    def transcribe(self, sound, **options):
        assert sound.dtype == np.float32 and options["language"] == "en" and options["hotwords"] == "eight, seven"
        return iter([SimpleNamespace(text="".join(self.says))]), None


@pytest.fixture
def models(monkeypatch, tmp_path):
    """Return a folder, in which a stand-in for faster-whisper looks for models."""

    def download_model(name, *, local_files_only):
        assert local_files_only
        if not (tmp_path / name).is_dir():
            raise FileNotFoundError(name)
        return str(tmp_path / name)

    install(monkeypatch, "faster_whisper", download_model=download_model, WhisperModel=WhisperModel)
    return tmp_path


def add_model(folder, *files):
    """Make a folder with these files."""
    folder.mkdir()
    for name in files:
        (folder / name).touch()


def test_whisper_is_the_first_whole_model_on_disk(models, monkeypatch):
    add_model(models / "base.en", "model.bin", "config.json")  # would download its tokenizer
    add_model(models / "tiny.en", "model.bin", "config.json", "tokenizer.json")
    recogniser, _ = installed_recognisers.load("whisper", LABELS)
    assert (recogniser.name, recogniser.labels) == ("whisper tiny.en", ["eight", "seven"])
    assert recogniser.recognise([LOUD, QUIET], sr=SR) == ["seven", "seven"]
    for says in (("Thank you.",), ()):
        monkeypatch.setattr(WhisperModel, "says", says)
        assert recogniser.recognise([LOUD], sr=SR) == [""]


def test_whisper_without_a_model_says_how_to_download_one(models):
    add_model(models / "base", "model.bin")
    with pytest.raises(InputError, match="download_model") as error:
        installed_recognisers.load("whisper", LABELS)
    one_line_of(error)


def test_whisper_model_that_cannot_be_opened_is_named(models, monkeypatch):
    def refuse(self, *path, **options):
        raise RuntimeError("File model.bin is incomplete")

    add_model(models / "base", "model.bin", "config.json", "tokenizer.json")
    monkeypatch.setattr(WhisperModel, "__init__", refuse)
    with pytest.raises(InputError, match="incomplete"):
        installed_recognisers.load("whisper", LABELS)
