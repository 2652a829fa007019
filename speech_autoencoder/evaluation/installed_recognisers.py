"""Recognisers that others have trained, of English words: pocketsphinx, and Whisper where a model of it is on disk.

They take the place of `training.word_recogniser.TrainedRecogniser` in an evaluation, and are told which words there may be. What they hear
is compared as words: without case and punctuation, digits spelled out.
"""

import re
import threading
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import printable

SR = 16_000
_LEAST_LABELS, _MOST_LABELS = 2, 100
# Of the models that may be on disk, the first is taken: larger ones take minutes for what a word or two needs.
_MODELS = ("base.en", "base", "small.en", "small", "tiny.en", "tiny")
_NEEDED = ("model.bin", "config.json", "tokenizer.json")
_PEAK, _PAUSE_S, _NOISE = 0.5, 0.3, 1e-3
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


class PocketSphinx:
    """Hears one of the labels, in a grammar of nothing else, by the model that comes with pocketsphinx.

    Its `labels` are those of which the dictionary has every word. Raises InputError when pocketsphinx, or its model,
    is missing.
    """

    name, n_training = "pocketsphinx", 0

    def __init__(self, labels: list[str]):
        # A decoder serves one thread.
        self._local = threading.local()
        decoder = self._make()
        self.labels = [label for label in labels if all(map(decoder.lookup_word, label.split()))]

    def recognise(self, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
        """The label heard in each waveform (n_samples,) at sr Hz, "" where none is."""
        if not hasattr(self._local, "decoder"):
            self._local.decoder = self._make()
            words = " | ".join(self.labels)
            self._local.decoder.add_jsgf_string("words", f"#JSGF V1.0; grammar words; public <words> = {words};")
            self._local.decoder.activate_search("words")
        return [self._hear(waveform, sr) for waveform in waveforms]

    def _hear(self, waveform, sr):
        """The label heard in one waveform."""
        decoder, sound = self._local.decoder, prepare(waveform, sr=sr)
        # Else it would take away the noise of what it has heard before.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(np.round(32_767 * sound).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        heard = decoder.hyp()
        return heard.hypstr if heard and heard.hypstr in self.labels else ""

    @staticmethod
    def _make():
        """A decoder of its own, with no language in it yet."""
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise _not_installed("pocketsphinx", "pocketsphinx", error) from error
        try:
            return Decoder(lm=None, loglevel="FATAL")
        except (RuntimeError, ValueError) as error:
            raise InputError(f"pocketsphinx has no English model ({error}): pip install pocketsphinx again.") from error


class Whisper:
    """Hears any words, the labels rather than others, by the first of _MODELS that faster-whisper finds on disk.

    Raises InputError when faster-whisper, or a model, is missing: nothing is fetched.
    """

    n_training = 0

    def __init__(self, labels: list[str]):
        model, folder = _find_model()
        self.name, self.labels = f"whisper {model}", labels
        self._model = _open_model(folder)

    def recognise(self, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
        """The label heard in each waveform (n_samples,) at sr Hz, "" where it is anything else."""
        return [self._hear(waveform, sr) for waveform in waveforms]

    def _hear(self, waveform, sr):
        """The label heard in one waveform."""
        segments, _ = self._model.transcribe(
            prepare(waveform, sr=sr),
            language="en",
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            hotwords=", ".join(self.labels),
        )
        heard = plain(" ".join(segment.text for segment in segments))
        return heard if heard in self.labels else ""


def load(kind: str, labels: dict[str, str]) -> tuple[PocketSphinx | Whisper, dict[str, str]]:
    """(the recogniser "pocketsphinx" or "whisper", {name: its word}) for the labels {name: label} of recordings.

    Raises InputError when it is not installed, or the labels are not some words that it knows.
    """
    words = {name: plain(label) for name, label in labels.items()}
    distinct = sorted(set(words.values()) - {""})
    if not _LEAST_LABELS <= len(distinct) <= _MOST_LABELS:
        raise InputError(
            f"--recogniser {kind} needs {_LEAST_LABELS} to {_MOST_LABELS} different words to tell apart, and testing "
            f"has {len(distinct)}: name recordings label_speaker_take.wav, or give --labels."
        )
    recogniser = {"pocketsphinx": PocketSphinx, "whisper": Whisper}[kind](distinct)
    if len(recogniser.labels) < _LEAST_LABELS:
        raise InputError(
            f"{kind} knows English alone, and of the labels {len(recogniser.labels)}; it has no "
            f'"{printable(next(label for label in distinct if label not in recogniser.labels))}": leave --recogniser out.'
        )
    return recogniser, words


def plain(text: str) -> str:
    """The words of a text, as they are compared: "Seven.", "7" and "seven" are one, as are "42" and "forty-two"."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    words = re.findall(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*", text)
    return " ".join(_spelled(word) if word.isdecimal() else word for word in words)


def _spelled(digits):
    """A number in words; above 999, or after a zero, digit by digit."""
    if len(digits) > 3 or (len(digits) > 1 and digits[0] == "0"):
        return " ".join(_ONES[int(digit)] for digit in digits)
    hundreds, rest = divmod(int(digits), 100)
    words = [_ONES[hundreds], "hundred"] if hundreds else []
    if rest >= 20:
        words.append(_TENS[rest // 10 - 2])
        rest %= 10
    if rest or not words:
        words.append(_ONES[rest])
    return " ".join(words)


def prepare(waveform: np.ndarray, *, sr: int) -> np.ndarray:
    """The waveform at SR and a fixed peak, with a pause before and after, in a little noise, always the same.

    What comes without either, as a cut word does, is taken for less than it is.
    """
    sound = resample(waveform, sr, SR).astype(np.float32)
    peak = float(np.abs(sound).max()) if len(sound) else 0.0
    sound = np.pad(sound * np.float32(_PEAK / peak) if peak else sound, round(_PAUSE_S * SR))
    return sound + _NOISE * np.random.default_rng(0).standard_normal(len(sound), dtype=np.float32)


def _find_model() -> tuple[str, Path]:
    """(name, folder) of the model to take."""
    try:
        from faster_whisper import download_model
    except ImportError as error:
        raise _not_installed("faster-whisper", "whisper", error) from error
    for name in _MODELS:
        try:
            folder = Path(download_model(name, local_files_only=True))
        except (OSError, ValueError):
            continue
        # Without its tokenizer the library would ask for that.
        if all((folder / needed).is_file() for needed in _NEEDED):
            return name, folder
    raise InputError(
        f"There is no Whisper model on this computer, and none is fetched by itself: python -c 'import faster_whisper; "
        f'faster_whisper.download_model("{_MODELS[0]}")\' fetches one, once.'
    )


def _open_model(folder: Path) -> Any:
    """The model in a folder."""
    from faster_whisper import WhisperModel

    try:
        return WhisperModel(str(folder), device="cpu", compute_type="int8", local_files_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{printable(folder)} is no Whisper model ({error}): remove it and fetch it again.") from error


def _not_installed(package, extra, error):
    """The InputError of a package that could not be imported."""
    return InputError(
        f"--recogniser {extra} needs {package}, which is not installed ({error}): pip install {package}, or leave the "
        "option out."
    )
