"""What an evaluation found, as one typed object: `Evaluation.to_json` is what evaluation.json holds.

`evaluation.evaluate` gives the `Measurements`, `leakage.compare_with_training`, `rates.measure` and `verdict.judge` the
rest. docs/evaluation.md describes every key; a test compares it with the fields here.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

FORMAT = "speech-autoencoder evaluation 2"  # another number once a key means something else, or is gone

# {metric: value}, None where nothing could be measured; the metrics are those of metrics.registry.
Scores = dict[str, float | None]
# [low, high] of 95 %, None where there is too little to draw from.
Interval = list[float] | None
# What a metric is measured on.
MeasuredOn = Literal["segments", "recordings"]
# The levels of findings, the most severe first.
LEVELS = ("bad", "warning", "note", "good")


@dataclass(frozen=True)
class Finding:
    """One thing that the measurements show: its kind, its level (one of LEVELS), the evidence, what to do next."""

    kind: str
    level: str
    sentence: str
    evidence: str
    next_step: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A recording that was not scored as sound, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Coverage:
    """On how much of testing a metric was measured: `n` of `n_total` segments or recordings, and why not on all."""

    measured_on: MeasuredOn
    n: int
    n_total: int
    reason: str = ""


@dataclass(frozen=True)
class ErrorProfile:
    """RMS log-mel errors in dB: of each mel band, and of each tenth of a recording (None where none has a frame)."""

    by_band_db: list[float]
    over_time_db: list[float | None]


@dataclass(frozen=True)
class LogMelError:
    """Where log-mels differ: the centres of the mel bands, and the profile of each system that has an error."""

    band_hz: list[float]
    systems: dict[str, ErrorProfile]


@dataclass(frozen=True)
class Originals:
    """What the original recordings score in the metrics that do not compare with them, and the intervals."""

    scores: Scores = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class SegmentResult:
    """A segment of one speaker's recordings: how many were scored, {system: scores}, and those of the originals."""

    speaker: str
    n_recordings: int
    scores: dict[str, Scores]
    originals: Scores = field(default_factory=dict)


@dataclass(frozen=True)
class RecordingResult:
    """A recording: its segment (an index in `Measurements.segments`, or None), and the model's scores of it alone.

    `position` is where it is on the map of mean latents, [x, y] in [0, 1], None if it is not on the map.
    """

    path: str
    speaker: str
    duration_s: float
    segment: int | None
    scores: Scores
    label: str = ""
    position: list[float] | None = None


@dataclass(frozen=True)
class RecognitionResults:
    """What a recogniser of words or speakers recognised.

    `original_accuracy` is its accuracy on the original recordings. `confusion` has a matrix of counts for "original"
    and for each system. The rows are `labels`, those that are right; the columns are `recognised`: the labels, and
    "" if it recognised none of them in some sound.
    """

    recogniser: str
    labels: list[str]
    recognised: list[str]
    n_training: int
    n_recordings: int
    original_accuracy: float | None
    original_interval: Interval
    confusion: dict[str, list[list[int]]]


@dataclass(frozen=True)
class Difference:
    """The model's score less another's, its interval, and what that shows: better, worse, ..."""

    difference: float | None
    interval: Interval
    shows: Literal["better", "worse", "no difference", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How well a linear probe tells a speaker or a word from mean latents, or why it was not tried.

    `accuracy` and `intervals` are by what is probed: "model", "pca", "log_mel", each of `n_values` values;
    `differences` are the model's accuracy less that of the others. `chance` is the share of the most frequent of the
    `n_classes` speakers or words.
    """

    n_recordings: int = 0
    n_classes: int = 0
    n_folds: int = 0
    n_values: int = 0
    chance: float | None = None
    accuracy: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    differences: dict[str, Difference] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """Another model on the same recordings: its file, its scores, and {metric: how the model differs from it}."""

    path: str
    scores: Scores
    differences: dict[str, Difference]


@dataclass(frozen=True)
class RateRow:
    """A system at one setting: its latent rate in values per second or its bitrate in kbit/s, and its mean scores."""

    system: str
    setting: str
    latent_rate: float | None
    bitrate: float | None
    scores: Scores


@dataclass(frozen=True)
class MissingCodec:
    """A codec that was not measured: the package that has it, and why its program failed if it is installed."""

    name: str
    package: str
    reason: str = ""


@dataclass(frozen=True)
class Rates:
    """Quality by rate, on some of the segments: how many, of how many seconds in all."""

    n_segments: int
    seconds: float
    rows: list[RateRow]
    missing: list[MissingCodec]


@dataclass(frozen=True)
class SimilarPair:
    """A recording of testing, the recording of training that it is nearly identical to, and their correlation."""

    testing: str
    training: str
    correlation: float


@dataclass(frozen=True)
class SharedWithTraining:
    """What testing shares with training, and the model's RMS log-mel error (dB) on some recordings of each.

    `n_leaked` recordings of testing are nearly identical to one of training, `pairs` names the most alike; `n_unsure`
    more resemble one, but a file that would tell is gone or has changed;
    `n_known_speakers` of the `n_speakers` of testing are in training too.
    """

    n_training: int
    n_testing: int
    training_minutes: float
    n_leaked: int
    pairs: list[SimilarPair]
    n_speakers: int
    n_known_speakers: int
    training_db: float | None = None
    testing_db: float | None = None
    n_unsure: int = 0


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """What was measured of the systems on the testing recordings.

    `scores` and `intervals` are by system and metric, `coverage` by metric; `resampled` says what the bootstrap draws:
    whole speakers, or segments of each speaker. `probes` are those of `mean_latents.probe`. `frame_ms` is, by
    system, the distance in milliseconds of the frames that it is given of recordings.
    """

    scores: dict[str, Scores]
    intervals: dict[str, dict[str, Interval]] = field(default_factory=dict)
    originals: Originals = field(default_factory=Originals)
    resampled: Literal["speakers", "segments"] = "segments"
    coverage: dict[str, Coverage] = field(default_factory=dict)
    log_mel_error: LogMelError | None = None
    n_recordings: int = 0
    n_scored: int = 0
    n_segments: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    segments: list[SegmentResult] = field(default_factory=list)
    recordings: list[RecordingResult] = field(default_factory=list)
    words: RecognitionResults | None = None
    speakers: RecognitionResults | None = None
    comparison: Comparison | None = None
    probes: dict[str, Probe] = field(default_factory=dict)
    frame_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RunConfig:
    """The settings of a run: the latent search, the inversion, the draws of the bootstrap, two options."""

    latent_search: dict[str, Any]
    inversion: dict[str, Any]
    n_resamples: int
    labels: str
    recogniser: str


@dataclass(frozen=True)
class ArrayFile:
    """The array of testing: its file and its fingerprint."""

    path: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Evaluation(Measurements):
    """Everything that evaluation.json holds: how it was made, the verdict, and the measurements.

    `features` and `model` are the configurations of the model's file, the latter with its `path`; `training` is the
    description in that file, None of `shared_with_training` and `rates` means that they could not be measured.
    """

    format: str = FORMAT
    version: str
    versions: dict[str, str]
    commit: str | None
    seed: int
    config: RunConfig
    data: ArrayFile
    features: dict[str, Any]
    model: dict[str, Any]
    training: dict[str, Any]
    verdict: list[Finding]
    shared_with_training: SharedWithTraining | None = None
    rates: Rates | None = None

    def to_json(self) -> dict[str, Any]:
        """Return nested dicts and lists of JSON's types: first what the file is, then what was measured."""
        measured = {entry.name for entry in fields(Measurements)}
        everything = asdict(self)
        first = {key: value for key, value in everything.items() if key not in measured}
        return first | {key: everything[key] for key in everything if key in measured}
