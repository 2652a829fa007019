"""Steps of an evaluation: what is read, what is put together, and what is reported."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from speech_autoencoder import __version__
from speech_autoencoder.api.engines import engine_of
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.messages import describe_left_out
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.data.dataset import Dataset, sidecar_path
from speech_autoencoder.data.recordings import LISTED
from speech_autoencoder.engines.engine import THREADS
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import bootstrap, rates, verdict
from speech_autoencoder.evaluation.evaluation import Score
from speech_autoencoder.evaluation.metrics.metric import SoundPair
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.recognition.recogniser import Recogniser
from speech_autoencoder.evaluation.results import (
    ArrayFile,
    Evaluation,
    Measurements,
    Rates,
    RunConfig,
    SharedWithTraining,
)
from speech_autoencoder.evaluation.scoring_by_engine import ScorerReference, score_by_engine
from speech_autoencoder.evaluation.systems import MODEL
from speech_autoencoder.model import model_file
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.model_reference import ModelReference
from speech_autoencoder.report import text
from speech_autoencoder.script_names import TEST_DATA_GENERATOR
from speech_autoencoder.system import versions
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.wording import counted


def require_recordings(data: Dataset, array_path: Path, say: Say) -> list[str]:
    """Report which recordings of an array are gone, and return their names.

    Raises
    ------
    InputError
        If all are: nothing could be scored as sound.
    """
    missing = data.missing()
    array, folder, next_step = printable(array_path), printable(data.audio_dir), f"or run {TEST_DATA_GENERATOR} again"
    if missing and len(missing) == len(data.names):
        of_list = data.files or data.understanding.source == LISTED
        where = "--audio-list and their list" if of_list else "--audio-dir and their folder"
        raise InputError(f"The recordings of {array} are not in {folder}: put them back, {next_step} with {where}.")
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        say(
            f"{len(missing):,} of {counted(len(data.names), 'recording')} of {array} {verb} not in {folder}, such as "
            f"{printable(missing[0])}, and cannot be scored as sound: put them back, {next_step}."
        )
    return missing


def require_sound(measured: Measurements, array_path: Path) -> None:
    """Raise InputError if there is no score of sound at all: what remains would say nothing of how it sounds."""
    scores = measured.scores[MODEL.key]
    if all(scores.get(key) is None for key, metric in METRICS.items() if metric.pair is SoundPair):
        first = next((f" ({printable(entry.path)}: {printable(entry.reason)})" for entry in measured.left_out), "")
        raise InputError(
            f"No recording of {printable(array_path)} could be scored as sound{first}: evaluate on others."
        )


def load_encoders(
    model_path: Path, other_path: Path | None, data: Dataset, array_path: Path
) -> tuple[Encoder, Encoder | None]:
    """Return the encoders of the model and of the one to compare with, if any.

    Raises
    ------
    InputError
        If the features of a model are not those of the data; of two models, the message says which to make anew.
    """
    paths = [path for path in (model_path, other_path) if path]
    models = [model_file.load(path) for path in paths]
    others = [i for i, model in enumerate(models) if model.features != data.features]
    array = printable(array_path)
    if len(models) == 2 and len(others) == 1:
        odd, fitting = printable(paths[others[0]]), printable(paths[1 - others[0]])
        ours, theirs = data.features.to_json(), models[others[0]].features.to_json()
        key = next(key for key in ours if ours[key] != theirs[key])
        raise InputError(
            f"{odd} takes {key} {theirs[key]}, but {array} and {fitting} have {key} {ours[key]}: train {odd} anew, on "
            f"an array of preset {data.features.preset}, or compare {fitting} with another model of its features."
        )
    for model in models:
        model.require_features(data.features, array, TEST_DATA_GENERATOR)
    encoders = [Encoder(model, LatentSearchConfig()) for model in models]
    return encoders[0], encoders[1] if len(encoders) > 1 else None


def train_recogniser(
    say: Say, bar: Callable[[float], Any], training_dir: Path, labels: dict[str, str], **options: Any
) -> Recogniser | None:
    """Start TensorFlow, and return a recogniser trained on recordings {name: label}, None if they are too few."""
    start_backend(say, alternative=", or evaluate with --labels none")
    from speech_autoencoder.training.word_recogniser import train_quickly  # needs TensorFlow

    with bar(0):
        return train_quickly(training_dir, labels, **options)


@contextmanager
def scoring_by(
    engine: str,
    *,
    data: Dataset,
    array_path: Path,
    model_path: Path,
    other_path: Path | None,
    workers: int,
    say: Say,
) -> Iterator[Score | None]:
    """Lend what scores segments on the engine of this name; None for threads, which need no help."""
    if engine == THREADS:
        yield None
        return
    model, other = ModelReference.of(model_path), ModelReference.of(other_path) if other_path else None
    recordings = (data.path(i) for i in range(len(data.names)))
    present = next(path for path in recordings if path.exists())
    reads = [sidecar_path(array_path), present, *(each.path for each in (model, other) if each and each.path)]
    with engine_of(engine, workers=workers, say=say, reads=reads) as cluster:
        reference = partial(ScorerReference.of, array_path=array_path, model=model, other=other)
        yield partial(score_by_engine, engine=cluster, reference=reference)


def make_evaluation(
    measured: Measurements,
    *,
    data: Dataset,
    array_path: Path,
    model: TrainedModel,
    model_path: Path,
    labels: str,
    recogniser: str,
    rates_found: Rates | None,
    shared: SharedWithTraining | None,
) -> Evaluation:
    """Return everything that evaluation.json holds: the measurements, the verdict, and how they were made."""
    configurations = {"model": model.config.to_json(), "features": model.features.to_json()}
    return Evaluation(
        **vars(measured),
        version=__version__,
        versions=versions.versions(*versions.METRIC_LIBRARIES),
        commit=versions.commit(),
        seed=bootstrap.SEED,
        config=RunConfig(
            latent_search=LatentSearchConfig().to_json(),
            inversion=InversionConfig().to_json(),
            n_resamples=bootstrap.RESAMPLES,
            labels=labels,
            recogniser=recogniser,
        ),
        data=ArrayFile(str(array_path), data.fingerprint),
        features=configurations["features"],
        model=configurations["model"] | {"path": str(model_path)},
        training=model.description,
        verdict=verdict.judge(measured, configurations | model.description, shared),
        shared_with_training=shared,
        rates=rates_found,
    )


def report_scores(result: Evaluation, say: Say, *, missing: Sequence[str] = ()) -> None:
    """Report the scores, what they were measured on, and how other codecs or another model compare.

    The recordings that are `missing` have been reported before.
    """
    say(text.format_table(*text.shown(result), result.frame_ms))
    say(text.describe_intervals(result))
    say(text.describe_recordings(result))
    known = set(missing)
    left_out = [(entry.path, entry.reason) for entry in result.left_out if entry.path not in known]
    describe_left_out(left_out, "not scored as sound", say)
    for metric in METRICS.values():
        if metric.install_note and not metric.is_installed():
            say(metric.install_note)
    for line in rates.describe(result.rates) if result.rates else ():
        say(line)
    for noun, found in (("word", result.words), ("speaker", result.speakers)):
        if found:
            say(text.describe_recognition(noun, found))
    for line in text.describe_probes(result.probes):
        say(line)
    if result.comparison:
        for line in text.describe_comparison(result.comparison, printable(result.comparison.path)):
            say(line)


def report_verdict(result: Evaluation, say: Say) -> None:
    """Report what the scores mean, and what to do next."""
    headline, *findings = result.verdict
    say(headline.sentence)
    for finding in findings:
        say(f"- {finding.sentence} {finding.evidence} {finding.next_step}".rstrip())
