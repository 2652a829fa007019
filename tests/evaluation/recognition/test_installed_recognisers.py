"""Recognisers that others have trained, with stand-ins of their packages: what they are given, what they return."""

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.recognition import installed_recognisers
from speech_autoencoder.system.isolation import CallFailed
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


# A stand-in: "eight" for an even number of samples, otherwise "seven". It remembers earlier sounds, as the real one
# does, until it is told not to.
POCKETSPHINX = """
from types import SimpleNamespace

class Decoder:
    def __init__(self, lm, loglevel):
        self.fresh, self.words = False, None

    def lookup_word(self, word):
        return "S" if word in ("seven", "eight", "forty", "two") else None

    def add_jsgf_string(self, name, text):
        assert name == "words"
        self.words = text.split("public <words> = ")[1]

    def activate_search(self, name):
        assert name == "words" and self.words == "eight | forty two | seven;", self.words

    def reinit_feat(self):
        self.fresh = True

    def start_utt(self):
        assert self.words and self.fresh

    def process_raw(self, sound, full_utt):
        assert full_utt
        self.best = "seven" if len(sound) // 2 % 2 else "eight"
        HERE

    def end_utt(self):
        self.fresh = False

    def hyp(self):
        return self.best and SimpleNamespace(hypstr=self.best)
"""


def pocketsphinx(stub, here):
    """Return the recogniser, whose stand-in does this with each sound."""
    stub("pocketsphinx", POCKETSPHINX.replace("HERE", here))
    return installed_recognisers.load("pocketsphinx", LABELS | {"a.wav": "Forty-two", "b.wav": "aller"})


def test_pocketsphinx_recognises_labels_in_a_grammar_of_them(stub):
    recogniser, words = pocketsphinx(stub, "pass")
    assert words["7_ann_0.wav"] == words["seven_bob_0.wav"] == "seven"
    assert recogniser.labels == ["eight", "forty two", "seven"]  # the dictionary has no "aller"
    sound = np.tile(LOUD, 2)
    assert recogniser.recognise([sound, np.append(sound, 0.1), sound], sr=installed_recognisers.SR) == [
        "eight",
        "seven",
        "eight",
    ]


@pytest.mark.parametrize(("here", "recognised"), [("self.best = None", ""), ("self.best = 'nine'", "")])
def test_recognise_what_is_no_label_is_nothing(here, recognised, stub):
    recogniser, _ = pocketsphinx(stub, here)
    assert recogniser.recognise([LOUD], sr=SR) == [recognised]


@pytest.mark.parametrize(
    ("here", "said"),
    [
        ("import os; os.abort()", "pocketsphinx crashed: aborted"),
        ("import time; time.sleep(60)", "gave no answer within 2 s"),
        ("raise RuntimeError('bad state')", "pocketsphinx failed: RuntimeError: bad state"),
    ],
)
def test_recognise_that_ends_its_process_is_an_error(here, said, stub, monkeypatch):
    recogniser, _ = pocketsphinx(stub, here)
    monkeypatch.setattr(installed_recognisers, "_LIMIT_S", 2 if "sleep" in here else 60)
    with pytest.raises(CallFailed, match=said):
        recogniser.recognise([LOUD], sr=SR)


def test_recognise_long_sound_is_recognised_in_parts(stub):
    recogniser, _ = pocketsphinx(
        stub,
        """
        assert len(sound) <= 2 * 31 * 16_000, len(sound)
        self.n_parts = getattr(self, "n_parts", 0) + 1
        self.best = ["forty", None, "two"][self.n_parts - 1]
        """,
    )
    assert recogniser.recognise([np.zeros(70 * SR, np.float32)], sr=SR) == ["forty two"]


def test_load_that_ends_its_process_is_refused(stub):
    stub("pocketsphinx", "import os; os.abort()")
    with pytest.raises(InputError, match="leave the option out") as error:
        installed_recognisers.load("pocketsphinx", LABELS)
    assert "pocketsphinx crashed: aborted" in one_line_of(error)
    assert not isinstance(error.value, CallFailed)


def test_load_unknown_labels_are_refused(stub):
    stub("pocketsphinx", POCKETSPHINX.replace(' == "eight | forty two | seven;"', ""))
    for labels, said in (
        ({}, "testing has 0"),
        ({"a.wav": "seven", "b.wav": "7"}, "testing has 1"),
        ({f"{i}.wav": str(i) for i in range(101)}, "testing has 101"),
        ({"a.wav": "aller", "b.wav": "seven"}, '"aller"'),
    ):
        with pytest.raises(InputError, match="pocketsphinx") as error:
            installed_recognisers.load("pocketsphinx", labels)
        assert said in one_line_of(error)


def test_load_without_the_package_names_what_to_install(stub):
    for kind, package in (("pocketsphinx", "pocketsphinx"), ("whisper", "faster_whisper")):
        stub(package, "raise ImportError('not there')")
        with pytest.raises(InputError, match=rf"pip install '\.\[{kind}\]'") as error:
            installed_recognisers.load(kind, LABELS)
        one_line_of(error)


WHISPER = """
from pathlib import Path
from types import SimpleNamespace

def download_model(name, local_files_only):
    assert local_files_only
    folder = Path(FOLDER, name)
    if not folder.is_dir():
        raise FileNotFoundError(name)
    return str(folder)

class WhisperModel:
    def __init__(self, path, device, compute_type, local_files_only):
        assert local_files_only
        if ERROR:
            raise RuntimeError(ERROR)

    def transcribe(self, sound, **options):
        assert sound.dtype == "float32" and options["language"] == "en" and options["hotwords"] == "eight, seven"
        return iter([SimpleNamespace(text=SAYS)]), None
"""


def whisper(stub, folder, *, says="", error=""):
    """Return the recogniser, whose stand-in recognises the same in everything."""
    names = f"FOLDER, SAYS, ERROR = {str(folder)!r}, {says!r}, {error!r}\n"
    stub("faster_whisper", names + WHISPER)
    return installed_recognisers.load("whisper", LABELS)[0]


def add_model(folder, *files):
    """Make a folder with these files."""
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).touch()


def test_whisper_is_the_first_whole_model_on_disk(stub, tmp_path):
    add_model(tmp_path / "base.en", "model.bin", "config.json")  # would download its tokenizer
    add_model(tmp_path / "tiny.en", "model.bin", "config.json", "tokenizer.json")
    recogniser = whisper(stub, tmp_path, says=" Seven. ")
    assert (recogniser.name, recogniser.labels) == ("whisper tiny.en", ["eight", "seven"])
    assert recogniser.recognise([LOUD, QUIET], sr=SR) == ["seven", "seven"]


@pytest.mark.parametrize("says", ["Thank you.", ""])
def test_whisper_other_words_are_nothing(says, stub, tmp_path):
    add_model(tmp_path / "base", "model.bin", "config.json", "tokenizer.json")
    assert whisper(stub, tmp_path, says=says).recognise([LOUD], sr=SR) == [""]


def test_whisper_without_a_model_says_how_to_download_one(stub, tmp_path):
    add_model(tmp_path / "base", "model.bin")
    with pytest.raises(InputError, match="download_model") as error:
        whisper(stub, tmp_path)
    one_line_of(error)


def test_whisper_model_that_cannot_be_opened_is_named(stub, tmp_path):
    add_model(tmp_path / "base", "model.bin", "config.json", "tokenizer.json")
    with pytest.raises(InputError, match="incomplete"):
        whisper(stub, tmp_path, error="File model.bin is incomplete")
