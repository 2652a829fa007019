"""Steps of the evaluation that its script does not spell out. Import it after --help: it needs NumPy."""

import argparse
from pathlib import Path

from speech_autoencoder import __version__
from speech_autoencoder.cli.messages import describe_left_out
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.data.dataset import Dataset, sidecar_path
from speech_autoencoder.evaluation import bootstrap, rates, verdict
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.results import (
    ArrayFile,
    Evaluation,
    Measurements,
    Rates,
    RunConfig,
    SharedWithTraining,
)
from speech_autoencoder.evaluation.words import WordRecogniser
from speech_autoencoder.model import model_file
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.report import text
from speech_autoencoder.script_names import TEST_DATA_GENERATOR
from speech_autoencoder.system import versions
from speech_autoencoder.system.files import printable


def input_paths(args: argparse.Namespace) -> list[Path]:
    """Return the files that an evaluation reads."""
    arrays = [args.data, args.training_data]
    others = [path for path in (args.model, args.compare, Path(args.labels)) if path]
    return arrays + [sidecar_path(path) for path in arrays] + others


def load_encoder(model_path: Path, data: Dataset, array_path: Path) -> Encoder:
    """Return the encoder of the model at `model_path`; raise InputError if its features are not those of the data."""
    model = model_file.load(model_path)
    model.require_features(data.features, str(array_path), TEST_DATA_GENERATOR)
    return Encoder(model, LatentSearchConfig())


def train_recogniser(say: Say, training_dir: Path, labels: dict[str, str], *, seed: int) -> WordRecogniser | None:
    """Start TensorFlow, and return a recogniser trained on recordings {name: label}, None if they are too few."""
    start_tensorflow(say, alternative=", or evaluate with --labels none")
    from speech_autoencoder.training.word_recogniser import train_quickly  # needs TensorFlow

    return train_quickly(training_dir, labels, seed=seed)


def make_evaluation(
    args: argparse.Namespace,
    data: Dataset,
    model: TrainedModel,
    measured: Measurements,
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
            labels=args.labels,
            recogniser=args.recogniser,
        ),
        data=ArrayFile(str(args.data), data.fingerprint),
        features=configurations["features"],
        model=configurations["model"] | {"path": str(args.model)},
        training=model.description,
        verdict=verdict.judge(measured, configurations | model.description, shared),
        shared_with_training=shared,
        rates=rates_found,
    )


def report_scores(result: Evaluation, say: Say) -> None:
    """Report the scores, what they were measured on, and how other codecs or another model compare."""
    say(text.format_table(result.scores, result.intervals))
    say(text.describe_intervals(result))
    say(text.describe_recordings(result))
    describe_left_out([(entry.path, entry.reason) for entry in result.left_out], "not scored as sound", say)
    for metric in METRICS.values():
        if metric.install_note and not metric.is_installed():
            say(metric.install_note)
    for line in rates.describe(result.rates) if result.rates else ():
        say(line)
    if result.words:
        say(text.describe_words(result.words))
    if result.comparison:
        for line in text.describe_comparison(result.comparison, printable(result.comparison.path)):
            say(line)


def report_verdict(result: Evaluation, say: Say) -> None:
    """Report what the scores mean, and what to do next."""
    headline, *findings = result.verdict
    say(headline.sentence)
    for finding in findings:
        say(f"- {finding.sentence} {finding.evidence} {finding.next_step}".rstrip())
