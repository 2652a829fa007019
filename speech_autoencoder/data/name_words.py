"""Whether the values of a part of names, such as those of a folder, look like speakers or like words."""

import re
from collections.abc import Collection
from typing import Literal

# Words of corpora of single words: numbers, commands, answers, and names that devices are called by.
WORDS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty hundred thousand "
    "null eins zwei drei vier fünf sechs sieben acht neun cero uno dos tres cuatro cinco seis siete ocho nueve "
    "zéro un deux trois quatre cinq sept huit neuf due quattro cinque sei sette otto nove "
    "yes no up down left right on off stop go forward backward back open close start begin end enter exit cancel help "
    "play pause next previous louder quieter lights light follow learn visual bed bird cat dog happy house tree wow "
    "hello hi hey bye goodbye thanks please ok okay ja nein oui non si sì "
    "alexa jarvis computer siri cortana bixby mycroft snips nabu marvin sheila google echo amazon ziggy xiaoai "
    "red green blue yellow black white orange apple banana cherry lamp door window music water coffee tea table chair "
    "porcupine bumblebee grasshopper picovoice terminator blueberry grapefruit americano "
    "wakeword".split()
)
# With one of these, a value of several words is a phrase, not a name.
_IN_PHRASES = WORDS | frozenset("turn switch set the a an what is my to volume lamp music all".split())
# First names that are common in corpora and in many languages, in lower case.
FIRST_NAMES = frozenset(
    "aaron adam agnes ahmed alan albert alex alexander alice alina allison amanda amelia amy ana andrea andreas andrew "
    "angela anita ann anna anne anton antonio arthur barbara beatrice ben benjamin bernd bill bob boris brian bruno "
    "carl carla carlo carlos carmen carol caroline catherine charles charlie charlotte chen chloe chris christian "
    "christina christine claire clara claudia daniel daniela dave david denis diana diego dmitri dora edward elena "
    "eli elias elisa elizabeth ella emil emily emma eric erik eva eve fatima felix fiona francesco frank fred gabriel "
    "george georg giulia grace greta hana hannah hans harry heidi helen helena henry hugo ian ida igor ingrid "
    "isaac isabel ivan jack jackson jacob jakob james jan jana jane jason jean jennifer jens jessica jim joe johann "
    "john jonas jose joseph juan judy julia julian june kai karen karin karl kate katja ken kevin kim klaus lara lars "
    "laura lea lena leo leon li liam lina lisa louis louise luca lucas lucy luis lukas maja marc marco maria marie "
    "mario mark markus marta martin mary mateo matthew max mei mia michael miguel mike mila mohammed monika nadia "
    "natalia nicolas nils nina noah nora oleg olga oliver olivia oscar otto pablo pat patricia paul paula pedro peggy "
    "peter petra philip pierre rachel rita robert rosa ruth ryan sally sam samuel sandra sara sarah simon sofia sophia "
    "sophie stefan steve sue susan sven tanja ted theo thomas tim tina tom tomas trudy ursula vera victor victoria "
    "walter wei wendy william xavier yan yuki yusuf zoe".split()
)
# A person by number, or a number that is used for nothing else: spk_3, speaker-12, user7, id10001.
_NUMBERED_PERSON = re.compile(
    r"(spe?a?ke?r?|spkr?id|spkr|user|subject|subj|actor|talker|participant|person|voice|reader|patient|client|member|"
    r"child|adult|male|female|id)([-_ ]?\d+|[-_ ][a-z])|speaker[a-z]"
)
# Letters and digits, as corpora number their speakers: p225, FCJF0, S0002, M_03.
_CODE = re.compile(r"[a-z]{1,8}[-_ ]?\d{1,6}[a-z]?")
# Hashes of speakers: eight and more hexadecimal digits, some of them letters.
_HASH = re.compile(r"(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}")
# Things that are numbered as well, and are not people.
_NUMBERED_THING = re.compile(
    r"(take|session|sess|day|week|month|part|track|chapter|chap|clip|rec|recording|file|audio|sample|scene|mic|"
    r"microphone|room|test|word|sentence|sent|utt|utterance|phrase|noise|set|batch|group|folder|dir|disc|disk|cd|dr|"
    r"vol|volume|book|lesson|unit|class|level|version|v|run|split|fold|train|dev|lj|snr|channel|ch|year|y|ep|episode|"
    r"season|lecture|lec|talk|meeting|call|song|cut|story|page|line|item|no|nr|num|number|kapitel|teil|aufnahme|spur|datei|"
    r"tag|woche)[-_ ]?\d+.*"
)
# Where, when and how something was recorded: neither who speaks nor what is said.
_CONDITIONS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may july august september "
    "october november december morning noon evening night today yesterday spring summer autumn winter "
    "clean noisy quiet loud soft whisper whispered normal fast slow far near close distant indoor outdoor inside "
    "outside phone mobile smartphone laptop desktop tablet headset headphones mic microphone usb webcam "
    "kitchen hall office car street bathroom bedroom room home school lab studio "
    "angry happy sad neutral calm fearful disgust surprised fear surprise bored excited "
    "take sample rec recording audio clip test raw edited original copy final draft mono stereo nohash "
    "from to of in at with and the a an my your this that turn switch set put".split()
)
_DATE = re.compile(r"(19|20)\d\d ?\d\d ?\d\d.*|\d\d ?\d\d ?(19|20)\d\d")
# Folders of a corpus of words that are not words.
NOT_WORDS = frozenset({"background noise", "unknown", "silence", "noise", "other", "rest", "negative", "not wake word"})
# The shares of values that must look like words, and like speakers; of words, a few give a list away.
_WORD_SHARE = 1 / 3
_SPEAKER_SHARE = 1 / 2
_MANY_DIGITS = 6  # of 0 to 9, from which they are the digits that are said

Kind = Literal["speaker", "label", ""]


def kind_of(values: Collection[str], *, in_folders: bool = True) -> Kind:
    """Return what these different values look like: "speaker", "label" (words), or "" if that cannot be told.

    Parts of a file's name such as S01 may be sessions or sentences; only as folders do they count as speakers.

    Examples
    --------
    >>> kind_of({"yes", "no", "stop"}), kind_of({"p225", "p226"}), kind_of({"hey_lamp", "ok_lamp"}), kind_of({"a", "b"})
    ('label', 'speaker', 'label', '')
    """
    plain = {_plain(value) for value in values} - NOT_WORDS
    if len(plain) < 2:
        return ""
    if all(len(value) == 1 and value.isdecimal() for value in plain):
        return "label" if len(plain) >= _MANY_DIGITS else ""
    n_words = sum(_is_word(value) for value in plain)
    n_people = sum(_is_person(value, in_folders) for value in plain)
    if n_words > 1 and n_words >= max(_WORD_SHARE * len(plain), n_people):
        return "label"
    return "speaker" if n_people > 1 and n_people >= _SPEAKER_SHARE * len(plain) and not n_words else ""


def are_conditions(values: Collection[str]) -> bool:
    """Return whether some of these values are times, places, devices, moods, or things that are numbered.

    Examples
    --------
    >>> are_conditions({"monday", "tuesday"}), are_conditions({"take1", "take2"}), are_conditions({"haus", "tisch"})
    (True, True, False)
    """
    plain = {_plain(value) for value in values}
    return are_dates(values) or any(value in _CONDITIONS or _NUMBERED_THING.fullmatch(value) for value in plain)


def are_dates(values: Collection[str]) -> bool:
    """Return whether some of these values are dates."""
    return any(_DATE.fullmatch(_plain(value)) for value in values)


def is_person(value: str) -> bool:
    """Return whether a part of a file's name looks like a speaker by itself."""
    return _is_person(_plain(value), in_folders=False)


def _plain(value: str) -> str:
    """Return a value in lower case, its words separated by single blanks."""
    return " ".join(re.split(r"[\s_\-]+", value.casefold())).strip()


def _is_word(value: str) -> bool:
    """Return whether a plain value is one of WORDS, or a phrase."""
    words = value.split()
    return value in WORDS or (len(words) > 1 and any(word in _IN_PHRASES for word in words))


def _is_person(value: str, in_folders: bool) -> bool:
    """Return whether a plain value is a first name, alone or with other words, or a number that speakers have."""
    if _NUMBERED_PERSON.fullmatch(value) or any(word in FIRST_NAMES for word in value.split()):
        return True
    if _HASH.fullmatch(value):
        return True
    return in_folders and bool(_CODE.fullmatch(value)) and not _NUMBERED_THING.fullmatch(value)
