"""Segments scored by the workers of an engine, each of which loads the array and the models itself."""

import platform
from collections import ChainMap
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.data import dataset
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.engines.engine import Chunk, Engine, Lost, chunked
from speech_autoencoder.engines.items import outcomes
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.recognition.recogniser import FeatureRecogniser, RecognisedLater, Recognition
from speech_autoencoder.evaluation.results import LeftOut
from speech_autoencoder.evaluation.scoring import Scorer, SegmentScores, Work
from speech_autoencoder.evaluation.systems import SYSTEMS, other_model
from speech_autoencoder.model.model_reference import ModelReference
from speech_autoencoder.script_names import TEST_DATA_GENERATOR
from speech_autoencoder.system.files import printable

# Libraries on which scores depend, and which the engine does not compare.
_LIBRARIES = (
    "librosa",
    "pystoi",
    "pesq",
    "visqol-python",
    "ai-edge-litert",
    "speechmos",
    "onnxruntime",
    "pocketsphinx",
    "faster-whisper",
    "ctranslate2",
)
# Seconds of sound in a chunk, which takes about as long.
_CHUNK_S = 20.0
# A chunk may take so many seconds, as many more for each second of sound, and for each recording, whose words some
# recognisers take seconds for: far more than even a slow computer needs.
_LIMIT_S = 300.0
_LIMIT_PER_S = 60.0
_LIMIT_EACH_S = 120.0


@dataclass(frozen=True)
class ScorerReference:
    """What a worker needs to make a Scorer.

    Attributes
    ----------
    array_path, fingerprint, audio_dir
        The array, by its absolute path, its fingerprint, and where its recordings are.
    model, other
        The model, and another one to compare with.
    search, inversion
        How latents are found, and how sound is made of log-mels.
    recognitions
        What is recognised on the workers, without the labels of recordings.
    libraries
        The versions of the libraries that scores depend on.
    """

    array_path: Path
    fingerprint: str
    audio_dir: Path
    model: ModelReference
    other: ModelReference | None
    search: LatentSearchConfig
    inversion: InversionConfig
    recognitions: tuple[Recognition, ...]
    libraries: Mapping[str, str]

    @classmethod
    def of(cls, scorer: Scorer, *, array_path: Path, model: ModelReference, other: ModelReference | None) -> Self:
        """Return the reference of a scorer, whose array and models are in these files."""
        data = scorer.dataset
        return cls(
            array_path.absolute(),
            data.fingerprint,
            data.audio_dir.absolute(),
            model,
            other,
            scorer.encoder.config,
            scorer.inversion,
            tuple(map(_of_workers, scorer.recognitions)),
            _versions(),
        )

    def scorer(self, labels: Sequence[Mapping[str, str]]) -> Scorer:
        """Return the scorer for recordings with these labels, {name: label} of each of the recognitions.

        Raises
        ------
        InputError
            If this computer sees other files, or has other libraries.
        """
        require_same(self.libraries, _versions())
        other = Encoder(self.other.load(), self.search) if self.other else None
        return Scorer(
            replace(_dataset(self.array_path, self.fingerprint), audio_dir=self.audio_dir),
            Encoder(self.model.load(), self.search),
            self.inversion,
            [*SYSTEMS.values(), *([other_model(other)] if other else [])],
            [replace(each, labels=own) for each, own in zip(self.recognitions, labels, strict=True)],
        )


def _of_workers(recognition: Recognition) -> Recognition:
    """Return what is recognised as workers are told of it: labels follow with the recordings."""
    recogniser = recognition.recogniser
    # One that goes by features alone is a network of Keras, which would take each worker seconds to start.
    later = RecognisedLater(recogniser.labels) if isinstance(recogniser, FeatureRecogniser) else recogniser
    return replace(recognition, recogniser=later, labels={})


@dataclass(frozen=True)
class _Item:
    """Recordings to score, the labels that they have for each of the recognitions, and the seconds of their sound."""

    recordings: list[int]
    is_segment: bool
    labels: list[dict[str, str]]
    seconds: float


def score_by_engine(
    scorer: Scorer, work: Sequence[Work], *, engine: Engine, reference: Callable[[Scorer], ScorerReference]
) -> Generator[SegmentScores]:
    """Yield the scores of all work, as the scorer itself would compute them.

    Recordings that end the processes of workers are left out of their segment.

    Parameters
    ----------
    reference
        Returns what workers need in place of the scorer.
    """
    of_workers = reference(scorer)

    def run(some: Sequence[Work]) -> Generator[SegmentScores | Lost]:
        return _run(scorer, some, engine, of_workers)

    held: list[tuple[Work, SegmentScores | Lost]] = []
    with closing(run(work)) as found:
        for item, outcome in zip(work, found, strict=True):
            if held or isinstance(outcome, Lost):
                held.append((item, outcome))
            else:
                yield outcome
    for (recordings, is_segment), outcome in held:
        yield _without_lost(scorer, run, recordings, is_segment, outcome) if isinstance(outcome, Lost) else outcome


def _run(
    scorer: Scorer, work: Sequence[Work], engine: Engine, reference: ScorerReference
) -> Generator[SegmentScores | Lost]:
    """Yield what became of all work, with what is recognised here."""
    data = scorer.dataset
    items = []
    for recordings, is_segment in work:
        names = [data.names[i] for i in recordings]
        seconds = float(sum(data.n_samples[i] / data.sr[i] for i in recordings))
        labels = [{name: each.labels[name] for name in names if name in each.labels} for each in scorer.recognitions]
        items.append(_Item(recordings, is_segment, labels, seconds))
    chunks = chunked(items, (item.seconds for item in items), most_cost=_CHUNK_S)
    score = partial(_score_chunk, reference=reference)
    with closing(outcomes(engine, score, chunks, limit_s=_limit_s)) as found:
        for outcome in found:
            if isinstance(outcome, InputError):
                raise outcome
            if isinstance(outcome, SegmentScores):
                scorer.recognise_later(outcome)
            yield outcome


def _score_chunk(chunk: Chunk, *, reference: ScorerReference) -> list[SegmentScores]:
    """Return the scores of each item of a chunk."""
    of_all = zip(*(item.labels for item in chunk), strict=True)
    scorer = reference.scorer([dict(ChainMap(*of_one)) for of_one in of_all])
    return [scorer(item.recordings, as_segment=item.is_segment) for item in chunk]


def _without_lost(
    scorer: Scorer,
    run: Callable[[Sequence[Work]], Generator[SegmentScores | Lost]],
    recordings: list[int],
    is_segment: bool,
    outcome: Lost,
) -> SegmentScores:
    """Return the scores of those of some recordings that do not end the processes of workers."""
    lost = dict.fromkeys(recordings, outcome.reason)
    if len(recordings) > 1:
        alone = zip(recordings, run([([i], False) for i in recordings]), strict=True)
        lost = {i: found.reason for i, found in alone if isinstance(found, Lost)} or lost
    scores, rest = scorer.nothing(), [i for i in recordings if i not in lost]
    if rest:
        (found,) = run([(rest, is_segment)])
        if isinstance(found, Lost):
            lost |= dict.fromkeys(rest, found.reason)
        else:
            scores = found
    scores.lost += lost
    scores.left_out += [LeftOut(scorer.dataset.names[i], reason) for i, reason in lost.items()]
    return scores


def _limit_s(chunk: Chunk) -> float:
    """Return how long a chunk may take, in seconds."""
    n_recordings = sum(len(item.recordings) for item in chunk)
    return _LIMIT_S + _LIMIT_PER_S * sum(item.seconds for item in chunk) + _LIMIT_EACH_S * n_recordings


@lru_cache(maxsize=1)
def _dataset(array_path: Path, fingerprint: str) -> Dataset:
    """Return the array at a path, which is kept for further chunks."""
    found = dataset.load(array_path, TEST_DATA_GENERATOR)
    if found.fingerprint != fingerprint:
        raise InputError(
            f"{printable(array_path)} is another array on {platform.node()}, where a worker runs, than here: put it "
            "into a folder that all workers share, and do not change it while they run."
        )
    return found


@cache
def _versions() -> dict[str, str]:
    """Return {name: version} of the libraries that scores depend on, as far as they are installed."""
    found = {}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def require_same(here: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Raise InputError if a worker has not the libraries (name: version) of the computer that asks it."""
    for name in dict.fromkeys([*here, *there]):
        if here.get(name) != there.get(name):
            raise InputError(
                f"The worker on {platform.node()} has {name} {there.get(name, 'not installed')}, this computer has it "
                f"{here.get(name, 'not installed')}: scores would differ; install the same on both."
            )
