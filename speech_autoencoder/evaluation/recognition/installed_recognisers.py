"""Recognisers of English words that others have trained: pocketsphinx, and Whisper if a model of it is on disk.

They take the place of `training.word_recogniser.TrainedRecogniser` in an evaluation, and are given the possible words.
What they recognise is compared as words: without case and punctuation, digits spelled out.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.errors import InputError
from speech_autoencoder.system import isolation
from speech_autoencoder.system.extras import install_command
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.integers import ceil_div
from speech_autoencoder.system.isolation import CallFailed

SR = 16_000
_LEAST_LABELS = 2
_MOST_LABELS = 100
# The first of these models that is on disk is used: larger ones take minutes for a word or two.
_MODELS = ("base.en", "base", "small.en", "small", "tiny.en", "tiny")
_NEEDED = ("model.bin", "config.json", "tokenizer.json")  # files of a model
_PEAK = 0.5  # to which every sound is scaled
_PAUSE_S = 0.3  # before and after every sound
_NOISE = 1e-3  # RMS
_PART_S = 30  # the longest sound that is recognised at once
_MOST = {"pocketsphinx": 16, "whisper": 1}  # at the same time: Whisper's model is large, and uses all processors
_LIMIT_S = 180  # for a part, or for loading a model
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


class InstalledRecogniser:
    """A recogniser of a kind, run in child processes, since its native code may end them; a `recogniser.Recogniser`.

    Its `labels` are those of the given ones that it knows. Long sound is recognised in parts, whose words are joined.
    InputError is raised if its package, or its model, is missing or fails.
    """

    n_training = 0

    def __init__(self, kind: str, labels: list[str]) -> None:
        self._kind, self._given = kind, tuple(labels)
        try:
            self.name, self.labels = self._call(_describe)
        except CallFailed as error:
            raise InputError(f"--recogniser {kind} cannot be used ({error}): leave the option out.") from error

    def recognise(self, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
        """Return the label recognised in each waveform (n_samples,) at `sr` Hz, "" for anything else.

        Raises
        ------
        CallFailed
            If the recogniser fails.
        """
        return [self._recognise_one(waveform, sr) for waveform in waveforms]

    def _recognise_one(self, waveform: np.ndarray, sr: int) -> str:
        parts = np.array_split(waveform, max(1, ceil_div(len(waveform), _PART_S * sr)))
        words = [self._call(_transcribe, prepare(part, sr=sr)) for part in parts]
        text = " ".join(filter(None, words))
        return text if text in self.labels else ""

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return function(kind, labels, *args), computed in a child process."""
        most = _MOST[self._kind]
        return isolation.call(function, self._kind, self._given, *args, name=self._kind, limit_s=_LIMIT_S, most=most)


class _PocketSphinx:
    """Recognises one of the labels, in a grammar of nothing else, with the model that comes with pocketsphinx.

    Its `labels` are those whose words are all in the dictionary. InputError is raised if pocketsphinx, or its model, is
    missing.
    """

    name = "pocketsphinx"

    def __init__(self, labels: Sequence[str]) -> None:
        try:
            from pocketsphinx import Decoder  # optional
        except ImportError as error:
            raise _not_installed("pocketsphinx", "pocketsphinx", error) from error
        try:
            self._decoder = Decoder(lm=None, loglevel="FATAL")
        except (RuntimeError, ValueError) as error:
            raise InputError(f"pocketsphinx has no English model ({error}): pip install pocketsphinx again.") from error
        self.labels = [label for label in labels if all(map(self._decoder.lookup_word, label.split()))]
        if self.labels:
            words = " | ".join(self.labels)
            self._decoder.add_jsgf_string("words", f"#JSGF V1.0; grammar words; public <words> = {words};")
            self._decoder.activate_search("words")

    def transcribe(self, sound: np.ndarray) -> str:
        """Return the words in prepared sound."""
        decoder = self._decoder
        # Otherwise it would subtract the noise of earlier sounds.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(np.round(32_767 * sound).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        return best.hypstr if best else ""


class _Whisper:
    """Recognises any words, preferring the labels, with the first of _MODELS that faster-whisper finds on disk.

    InputError is raised if faster-whisper, or a model, is missing: nothing is downloaded.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        model, folder = _find_model()
        self.name, self.labels = f"whisper {model}", list(labels)
        self._model = _open_model(folder)

    def transcribe(self, sound: np.ndarray) -> str:
        """Return the words in prepared sound."""
        segments, _ = self._model.transcribe(
            sound,
            language="en",
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            hotwords=", ".join(self.labels),
        )
        return normalise_words(" ".join(segment.text for segment in segments))


@lru_cache(maxsize=1)
def _open(kind: str, labels: tuple[str, ...]) -> _PocketSphinx | _Whisper:
    """Return a recogniser of a kind; in a child process."""
    return _PocketSphinx(labels) if kind == "pocketsphinx" else _Whisper(labels)


def _describe(kind: str, labels: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return a recogniser's name and the labels that it knows; in a child process."""
    recogniser = _open(kind, labels)
    return recogniser.name, recogniser.labels


def _transcribe(kind: str, labels: tuple[str, ...], sound: np.ndarray) -> str:
    """Return the words in prepared sound; in a child process."""
    return _open(kind, labels).transcribe(sound)


def load(kind: str, labels: dict[str, str]) -> tuple[InstalledRecogniser, dict[str, str]]:
    """Return a recogniser for the words of recordings, and {name: word}, as the words are compared.

    Parameters
    ----------
    kind
        "pocketsphinx" or "whisper".
    labels
        {name: label} of the recordings.

    Raises
    ------
    InputError
        If it is not installed, or knows fewer than two of the labels, or there are not 2 to 100 of them.
    """
    words = {name: normalise_words(label) for name, label in labels.items()}
    distinct = sorted(set(words.values()) - {""})
    if not _LEAST_LABELS <= len(distinct) <= _MOST_LABELS:
        raise InputError(
            f"--recogniser {kind} needs {_LEAST_LABELS} to {_MOST_LABELS} different words, and testing has "
            f"{len(distinct)}: name recordings label_speaker_take.wav, or give --labels."
        )
    recogniser = InstalledRecogniser(kind, distinct)
    if len(recogniser.labels) < _LEAST_LABELS:
        unknown = next(label for label in distinct if label not in recogniser.labels)
        raise InputError(
            f"{kind} knows English only: it knows {len(recogniser.labels)} of the labels, and not "
            f'"{printable(unknown)}": leave --recogniser out.'
        )
    return recogniser, words


def normalise_words(text: str) -> str:
    """Return the words of a text as they are compared, without case and punctuation, numbers spelled out.

    Examples
    --------
    >>> normalise_words("Seven."), normalise_words("7"), normalise_words("forty-two"), normalise_words("42")
    ('seven', 'seven', 'forty two', 'forty two')
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    words = re.findall(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*", text)
    return " ".join(_spelled(word) if word.isdecimal() else word for word in words)


def _spelled(digits: str) -> str:
    """Return a number in words; above 999, or after a zero, digit by digit."""
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
    """Return a waveform (n_samples,) at SR and a fixed peak, with pauses around it and a little noise, always the same.

    Recognisers do worse on sound without either, such as a word that was cut out.
    """
    sound = resample(waveform, sr, SR).astype(np.float32)
    peak = float(np.abs(sound).max()) if len(sound) else 0.0
    sound = np.pad(sound * np.float32(_PEAK / peak) if peak else sound, round(_PAUSE_S * SR))
    return sound + _NOISE * np.random.default_rng(0).standard_normal(len(sound), dtype=np.float32)


def _find_model() -> tuple[str, Path]:
    """Return the name and the folder of the model to use."""
    try:
        from faster_whisper import download_model  # optional
    except ImportError as error:
        raise _not_installed("faster-whisper", "whisper", error) from error
    for name in _MODELS:
        try:
            folder = Path(download_model(name, local_files_only=True))
        except (OSError, ValueError):
            continue
        # Without its tokenizer the library would download one.
        if all((folder / needed).is_file() for needed in _NEEDED):
            return name, folder
    raise InputError(
        f"There is no Whisper model on this computer, and none is downloaded by itself: run python -c 'import "
        f'faster_whisper; faster_whisper.download_model("{_MODELS[0]}")\' once.'
    )


def _open_model(folder: Path) -> Any:
    """Return the model in a folder."""
    from faster_whisper import WhisperModel  # optional

    try:
        return WhisperModel(str(folder), device="cpu", compute_type="int8", local_files_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{printable(folder)} is not a Whisper model ({error}): remove it and download it again."
        ) from error


def _not_installed(package: str, extra: str, error: ImportError) -> InputError:
    """Return the error of a package that could not be imported."""
    return InputError(
        f"--recogniser {extra} needs {package}, which is not installed ({error}): "
        f"{install_command(package.replace('-', '_'))}, or leave the option out."
    )
