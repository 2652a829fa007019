"""The layouts of corpora that people use: how their names tell speakers and labels."""

import re
from collections.abc import Sequence

from speech_autoencoder.data.name_patterns import NamePattern, parse_pattern

# The corpora whose names no other corpus is likely to have: a pattern, and what its fields must look like.
LAYOUTS: tuple[tuple[str, dict[str, str]], ...] = (
    # Speech Commands: yes/0a7c2a8d_nohash_0.wav
    ("{label}/{speaker}_nohash_{take}", {"speaker": "[0-9a-f]{6,}"}),
    ("{speaker}_nohash_{take}", {"speaker": "[0-9a-f]{6,}"}),
    # AudioMNIST: 01/0_01_0.wav
    ("{speaker}/{label}_{speaker}_{take}", {"label": r"\d", "take": r"\d+"}),
    ("{label}_{speaker}_{take}", {"label": r"\d", "speaker": r"\d\d", "take": r"\d\d?"}),
    # LibriSpeech: 19/198/19-198-0000.flac. LibriTTS and Multilingual LibriSpeech: 19/198/19_198_000000_000001.wav
    ("{speaker}/{chapter}/{speaker}-{chapter}-*", {"chapter": r"\d+"}),
    ("{speaker}/{chapter}/{speaker}_{chapter}_*", {"chapter": r"\d+"}),
    ("{chapter}/{speaker}-{chapter}-{utterance}", {"speaker": r"\d+", "chapter": r"\d{3,}", "utterance": r"\d{4}"}),
    ("{speaker}-{chapter}-{utterance}", {"speaker": r"\d+", "chapter": r"\d{3,}", "utterance": r"0\d{3}"}),
    # VCTK: wav48/p225/p225_001.wav, wav48_silence_trimmed/p225/p225_001_mic1.flac
    ("{speaker}/{speaker}_*", {"speaker": r"[ps]\d+"}),
    ("{speaker}_{utterance}", {"speaker": r"p\d{3}|s5", "utterance": r"\d{3}"}),
    ("{speaker}_{utterance}_{mic}", {"speaker": r"p\d{3}|s5", "utterance": r"\d{3}", "mic": r"mic\d"}),
    # TIMIT: TRAIN/DR1/FCJF0/SA1.WAV
    ("{speaker}/{sentence}", {"speaker": r"[FM][A-Z]{2,3}\d", "sentence": r"S[AIX]\d+(\.WAV)?"}),
)
# The share of the names that a pattern must fit for anything to be claimed.
LEAST_FIT = 0.75
# Names of which a layout must fit most before it is tried on all.
_SAMPLE = 200


def known_layout(names: Sequence[str]) -> str:
    """Return the pattern of LAYOUTS that fits the names, or ""."""
    sample = names[:: max(1, len(names) // _SAMPLE)]
    for text, looks in LAYOUTS:
        pattern = parse_pattern(text)
        rules = {field: re.compile(rule, re.IGNORECASE) for field, rule in looks.items()}
        for some in (sample, names):
            if sum(_fits(pattern, rules, name) for name in some) < max(2, LEAST_FIT * len(some)):
                break
        else:
            return text
    return ""


def _fits(pattern: NamePattern, rules: dict[str, re.Pattern[str]], name: str) -> bool:
    """Return whether a pattern fits a name, and its fields look as the rules say."""
    fields = pattern.fields_of(name)
    return fields is not None and all(rule.fullmatch(fields[field]) for field, rule in rules.items())
