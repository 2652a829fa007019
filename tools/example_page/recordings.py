"""The recordings of the page: testing recordings joined to some seconds each, and the rule by which they are chosen."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.codecs.sixteen_bits import from_raw, to_raw
from speech_autoencoder.evaluation.segments import join
from speech_autoencoder.system.files import printable

SR = 16_000  # Hz, that of speechdata
LEAST_S = 2.0  # a single word is too short to judge by ear, and for PESQ; a longer page would be large
MEDIAN, HARDEST = "median", "hardest"
_DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()
_MONTHS = "January February March April May June July August September October November December".split()
_ORDINALS = {"1": "1st", "2": "2nd", "3": "3rd"}  # by their last digit


@dataclass(frozen=True)
class Voice:
    """Who speaks in a folder of speechdata, in which language, and under which licence (speechdata/README.md)."""

    language: str
    speaker: str
    licence: str
    attribution: str


_ALLISON = (
    "Copyright 2003-2010 Allison Smith (http://www.theivrvoice.com). Financial contributions by Digium, Inc. "
    "(http://www.digium.com)."
)
VOICES = {
    "en-allison": Voice("English", "Allison Smith", "CC BY-SA 3.0", _ALLISON),
    "es-allison": Voice("Spanish", "Allison Smith", "CC BY-SA 3.0", _ALLISON),
    "fr-june": Voice(
        "French",
        "June Wallack",
        "CC BY-SA 3.0",
        "Copyright 2006-2008 June Wallack (http://www.junewallack.com). Translated into French by Clod Patry, "
        "Kristopher Lalletti and June Wallack. Financial contributions by Digium, Inc. (http://www.digium.com), "
        "Unlimitel (http://www.unlimitel.ca) and BGM Informatique (http://www.bgm.qc.ca).",
    ),
    "it-carlo": Voice(
        "Italian",
        "Carlo Flora",
        "CC BY 3.0",
        "Copyright 2012 Carlo Flora (http://www.carloflora.com); voice available making an order at "
        "http://www.segreterietelefoniche.it. Translated by Silvia Petrin, from the original English distributed from "
        "http://www.digium.com.",
    ),
    "ru-ivrvoice": Voice(
        "Russian",
        "a female voice, not named",
        "CC BY 3.0",
        "Copyright 2010 Maxim. Provided by Maxim Topal, http://www.ivrvoice.ru.",
    ),
}
LICENCES = {
    "CC BY-SA 3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
    "CC BY 3.0": "https://creativecommons.org/licenses/by/3.0/",
}


@dataclass(frozen=True)
class Recording:
    """Testing recordings of one folder, joined: a waveform (n_samples,) at SR as 16 bits hold it, and their names."""

    folder: str
    names: list[str]
    waveform: np.ndarray

    @property
    def voice(self) -> Voice:
        """Who speaks."""
        return VOICES[self.folder]

    @property
    def duration_s(self) -> float:
        """The length in seconds."""
        return len(self.waveform) / SR

    @property
    def prompts(self) -> list[str]:
        """What is said, in English."""
        return [meaning(Path(name).stem.split("_")[0]) for name in self.names]


def join_recordings(testing_dir: Path) -> list[Recording]:
    """Return the recordings below testing_dir, those of each folder joined in the order of their names.

    Those that are left over in the end, as they are shorter than LEAST_S together, are left out.

    Raises
    ------
    InputError
        If there are none, or a folder is none of VOICES.
    """
    names = find_recordings(testing_dir)
    if unknown := sorted({Path(name).parts[0] for name in names} - VOICES.keys()):
        raise InputError(
            f"{printable(testing_dir)} holds {printable(unknown[0])}, expected folders of speechdata/testing alone: "
            f"{', '.join(VOICES)}."
        )
    recordings = []
    for folder in VOICES:
        pending: dict[str, np.ndarray] = {}
        for name in names:
            if Path(name).parts[0] != folder:
                continue
            pending[name] = read(testing_dir / name, SR)
            waveform = join([*pending.values()], SR)
            if len(waveform) >= LEAST_S * SR:
                recordings.append(Recording(folder, [*pending], from_raw(to_raw(waveform))))
                pending = {}
    return recordings


def choose(folders: list[str], stois: list[float]) -> dict[int, str]:
    """Return {index: MEDIAN or HARDEST} of the recordings of the page, given the folder and the STOI of each.

    These are the median of each folder, the lower one of two, and the lowest of all others.
    """
    ranked = sorted(range(len(stois)), key=lambda i: (stois[i], i))
    chosen = {}
    for folder in VOICES:
        mine = [i for i in ranked if folders[i] == folder]
        if mine:
            chosen[mine[(len(mine) - 1) // 2]] = MEDIAN
    rest = [i for i in ranked if i not in chosen]
    return chosen | dict.fromkeys(rest[:1], HARDEST)


def meaning(prompt: str) -> str:
    """Return what a prompt of Asterisk means, by its name, which is the same in all languages.

    Examples
    --------
    >>> [meaning(prompt) for prompt in ("13", "h-2", "mon-0", "ascii36", "b", "d-p", "at")]
    ['13', '2nd', 'January', 'dollar sign', 'B', 'the word for D', 'at']
    """
    kind, _, rest = prompt.partition("-")
    if kind in ("day", "mon") and rest.isdecimal():
        return (_DAYS if kind == "day" else _MONTHS)[int(rest)]
    if kind == "h" and rest.isdecimal():
        is_teen = rest[-2:-1] == "1"
        return rest[:-1] + _ORDINALS[rest[-1]] if rest[-1] in _ORDINALS and not is_teen else f"{rest}th"
    if kind == "h" and rest in ("thousand", "million"):
        return f"{rest}th"
    if rest == "p":
        return f"the word for {kind.upper()}"
    if found := re.fullmatch(r"ascii(\d+)", prompt):
        return unicodedata.name(chr(int(found[1]))).lower()
    return prompt.upper() if len(prompt) == 1 else prompt.replace("-", " ")
