"""Names of recordings as the corpora that people use have them: {corpus: names}."""

from itertools import product

# Words, voices and hashes of the made corpora.
WAKE_WORDS = ("alexa", "hey-mycroft", "computer", "jarvis", "athena", "christopher")
_COMMANDS = ("bed", "marvin", "no", "yes")
_VOICES = ("anna", "ben", "carla", "dirk")
_HASHES = tuple(f"{2_654_435_761 * k % 2**32:08x}" for k in range(1, 31))
_LIBRI = [(s, c + s, u) for s in (19, 26, 103) for c in (198, 1240) for u in range(4)]


def _names(form: str, *factors) -> list[str]:
    """Return the names that a format gives to all combinations of values."""
    return sorted(form.format(*values) for values in product(*factors))


LIBRISPEECH = sorted("{0}/{1}/{0}-{1}-{2:04}.flac".format(*row) for row in _LIBRI)
VCTK = _names("wav48/p{0}/p{0}_{1:03}.wav", (225, 226, 227), range(1, 9))
TIMIT = _names("{0}/{1}.WAV", ("TRAIN/DR1/FCJF0", "TRAIN/DR2/MDAB0", "TEST/DR1/FAKS0"), ("SA1", "SI943", "SX12"))
FSDD = _names("{0}_{1}_{2}.wav", range(10), ("jackson", "theo", "yweweler"), range(3))
SPEECH_COMMANDS = _names("{0}/{1}_nohash_{2}.wav", _COMMANDS, _HASHES, range(2))
AUDIO_MNIST = _names("{0:02}/{1}_{0:02}_{2}.wav", range(1, 7), range(10), range(2))

# {corpus: (names, speakers, labels)} of those that tell something.
TOLD = {
    "FSDD": (FSDD, {"jackson", "theo", "yweweler"}, set("0123456789")),
    "Speech Commands": (
        [*SPEECH_COMMANDS, "_background_noise_/doing_the_dishes.wav"],
        set(_HASHES),
        set(_COMMANDS),
    ),
    "Speech Commands, a word": (_names("{0}_nohash_{1}.wav", _HASHES, range(2)), set(_HASHES), set()),
    "LibriSpeech": ([f"LibriSpeech/dev-clean/{name}" for name in LIBRISPEECH], {"19", "26", "103"}, set()),
    "LibriSpeech, two subsets": (
        [f"{'dev' if name[0] == '1' else 'test'}-clean/{name}" for name in LIBRISPEECH],
        {"19", "26", "103"},
        set(),
    ),
    "LibriSpeech, a subset": (LIBRISPEECH, {"19", "26", "103"}, set()),
    "LibriSpeech, a speaker": ([name[3:] for name in LIBRISPEECH if name[:3] == "19/"], {"19"}, set()),
    "LibriSpeech without folders": ([name.split("/")[2] for name in LIBRISPEECH], {"19", "26", "103"}, set()),
    "LibriTTS": ([name.replace("-", "_") for name in LIBRISPEECH], {"19", "26", "103"}, set()),
    "VCTK": (VCTK, {"p225", "p226", "p227"}, set()),
    "VCTK 0.92": ([name.replace(".wav", "_mic1.flac") for name in VCTK], {"p225", "p226", "p227"}, set()),
    "VCTK without folders": ([name.split("/")[2] for name in VCTK], {"p225", "p226", "p227"}, set()),
    "VCTK, a speaker": ([name.split("/")[2] for name in VCTK if "p225" in name], {"p225"}, set()),
    "TIMIT": (TIMIT, {"FCJF0", "MDAB0", "FAKS0"}, set()),
    "TIMIT in lower case": ([name.lower() for name in TIMIT], {"fcjf0", "mdab0", "faks0"}, set()),
    "TIMIT converted": ([f"{name}.wav" for name in TIMIT], {"FCJF0", "MDAB0", "FAKS0"}, set()),
    "AudioMNIST": (
        [f"data/{name}" for name in AUDIO_MNIST],
        {f"{i:02}" for i in range(1, 7)},
        set("0123456789"),
    ),
    "AudioMNIST without folders": (
        [name[3:] for name in AUDIO_MNIST],
        {f"{i:02}" for i in range(1, 7)},
        set("0123456789"),
    ),
    "Multilingual Spoken Words": (
        [f"en/clips/{word}/common_voice_en_{i}.opus" for i, word in enumerate(_COMMANDS * 5)],
        set(),
        set(_COMMANDS),
    ),
    "VoxCeleb": (
        _names("wav/id{0}/{1}/{2:05}.wav", (10001, 10002), ("aXb", "cYd"), (1, 2)),
        {"id10001", "id10002"},
        set(),
    ),
    "RAVDESS": (
        _names("Actor_{0:02}/03-01-{1:02}-01-01-01-{0:02}.wav", (1, 2, 3), (1, 2, 3)),
        {"Actor_01", "Actor_02", "Actor_03"},
        set(),
    ),
    "folders of words": (_names("{0}/{1}.wav", ("yes", "no", "stop"), range(9)), set(), {"yes", "no", "stop"}),
    "folders of wake words": (_names("{0}/{1:03}.wav", WAKE_WORDS, range(9)), set(), set(WAKE_WORDS)),
    "folders of digits": ([f"{i % 10}/{value}.wav" for i, value in enumerate(_HASHES)], set(), set("0123456789")),
    "folders of speakers": (_names("{0}/{1}.wav", _VOICES, range(9)), set(_VOICES), set()),
    "folders of numbered speakers": (_names("spk{0}/take{1}.wav", (1, 2), range(9)), {"spk1", "spk2"}, set()),
    "folders of speakers and sessions": (
        _names("{0}/{1}/{2}.wav", _VOICES, ("monday", "tuesday", "friday"), (1, 2)),
        set(_VOICES),
        set(),
    ),
    "folders of some depth": (["anna/1.wav", "anna/day 1/2.wav", "ben/1.wav", "ben/2.wav"], {"anna", "ben"}, set()),
    "speakers, then words": (
        _names("{0}/{1}/{2}.wav", _VOICES, ("haus", "lampe", "tisch"), (1, 2)),
        set(_VOICES),
        {"haus", "lampe", "tisch"},
    ),
    "words, then speakers": (
        _names("{0}/{1}/{2}.wav", ("yes", "no", "stop"), ("qa", "qb", "qc"), (1, 2)),
        {"qa", "qb", "qc"},
        {"yes", "no", "stop"},
    ),
    "a file for each word": (_names("{0}/{1}.wav", _VOICES, ("yes", "no")), set(_VOICES), {"yes", "no"}),
    "words, speakers in files": (
        _names("{0}/{1}_{2}.wav", ("yes", "no"), ("jackson", "theo"), (1, 2)),
        {"jackson", "theo"},
        {"yes", "no"},
    ),
    "speakers in front": (
        _names("{0}_{1}_{2}.wav", ("qa", "qb", "qc"), ("yes", "no"), (1, 2)),
        {"qa", "qb", "qc"},
        {"yes", "no"},
    ),
    "phrases": (
        _names("{0}_{1}_{2}.wav", ("turn", "switch", "put"), ("on", "off"), (1, 2)),
        set(),
        {"on", "off"},
    ),
    "words, then speakers by letter": (
        _names("{0}/speaker_{1}/{2}.wav", ("red", "green", "blue"), "abc", (1, 2)),
        {"speaker_a", "speaker_b", "speaker_c"},
        {"red", "green", "blue"},
    ),
    "split, then speakers": (_names("{0}/{1}/{2}.wav", ("train", "test"), _VOICES, (1, 2)), set(_VOICES), set()),
    "speakers first": (
        _names("spk{0}_{1}_{2}.wav", (1, 2, 3), ("yes", "no"), (1, 2)),
        {"spk1", "spk2", "spk3"},
        {"yes", "no"},
    ),
}
# {corpus: names} of those that tell nothing.
UNTOLD = {
    "Common Voice": [f"clips/common_voice_en_{1_000 + 7 * i}.mp3" for i in range(20)],
    "LJ Speech": _names("wavs/LJ{0:03}-{1:04}.wav", range(1, 5), range(1, 9)),
    "sentences": ["rec_from_phone.wav", "the_red_car.wav"],
    "recordings of a phone": _names("rec_from_{0}.wav", ("phone", "mic", "desk")),
    "a few sentences": ["rec_from_phone.wav", "rec_from_mic.wav", "rec_to_phone.wav", "the_red_car.wav"],
    "commands": _names("{0}_{1}_{2}.wav", ("turn", "switch"), ("it", "them"), ("away", "over")),
    "episodes": _names("ep{0:02}/{1}.wav", (1, 2, 3), range(5)),
    "notes of a phone": [f"AUD-202401{i:02}-WA{i:04}.opus" for i in range(1, 20)],
    "meetings": _names("{0}_{1}.wav", ("meeting_monday", "call_friday"), range(5)),
    "places": _names("{0}_{1}_{2}.wav", ("day1", "day2"), ("kitchen", "hall"), range(5)),
    "dates": _names("2024-{0:02}-{1:02}.wav", range(1, 9), range(1, 19)),
    "dates with _": _names("2024_{0:02}_{1:02}.wav", range(1, 9), range(1, 19)),
    "hashes": [f"{value}.wav" for value in _HASHES],
    "takes": [f"take{i}.wav" for i in range(40)],
    "one": ["7_jackson_32.wav"],
    "mixed": [*FSDD[:20], *(f"{value}.wav" for value in _HASHES[:20])],
    "sessions": _names("session{0}/{1}.wav", (1, 2, 3), range(5)),
    "numbered folders": _names("{0:03}/{1}.wav", (1, 2, 3), range(5)),
    "folders that may be either": _names("{0}/{1}.wav", ("qa", "qb", "qc"), range(5)),
}
