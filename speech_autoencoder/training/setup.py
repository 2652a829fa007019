"""What a training starts with: the recordings that are held out, the PCA baseline, the network, the batches."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from threadpoolctl import threadpool_limits

from speech_autoencoder.config import CodecConfig, LossConfig, ModelConfig, TrainingConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.data.splits import Split, split
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import pca
from speech_autoencoder.model.keras_network import (
    build,
    freeze_linear_path,
    pca_of,
    start_at_pca,
    to_keras,
    to_network,
)
from speech_autoencoder.model.losses import FINER_ENVELOPE_STEP
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import Network
from speech_autoencoder.system.parallel import in_order
from speech_autoencoder.system.processors import available_cpus
from speech_autoencoder.system.wording import counted
from speech_autoencoder.training.backends.choice import backend
from speech_autoencoder.training.batches import MOST_STEPS, Batches
from speech_autoencoder.training.checkpoints import Settings
from speech_autoencoder.training.history import Score
from speech_autoencoder.training.quantiser import Quantiser
from speech_autoencoder.training.train_step import TrainStep
from speech_autoencoder.training.training_loss import TrainingLoss
from speech_autoencoder.training.validation import Validation

# Frames between are made of at most this many seconds of recordings in all, which takes 80 MB and some 20 s, and of at
# most this many from the beginning of each.
_MOST_BETWEEN_S = 7_200
_MOST_OF_EACH_S = 600


@dataclass(frozen=True)
class Setup:
    """A training before its first step.

    Attributes
    ----------
    dataset, model_config, config, codec
        What was asked for; codec is None for a model that is not trained as a codec.
    validation_by : str
        How recordings were to be held out, one of VALIDATION_SPLITS.
    split : Split
        The recordings for training, and those for validation.
    baseline : pca.PCA
        The linear auto-encoder that the network must beat.
    train_step : TrainStep
        The network at its start.
    batches : Batches
        The batches of training.
    validation : Validation
        The held-out batches.
    start_score, baseline_score : Score
        The scores of the network at its start, and of the baseline.
    started_from : dict or None
        The `origin_of` the model whose weights are the start; None: PCA is.
    """

    dataset: Dataset
    model_config: ModelConfig
    config: TrainingConfig
    codec: CodecConfig | None
    validation_by: str
    split: Split
    baseline: pca.PCA
    train_step: TrainStep
    batches: Batches
    validation: Validation
    start_score: Score
    baseline_score: Score
    started_from: dict[str, Any] | None = None

    @property
    def settings(self) -> Settings:
        """What the training is, as its checkpoint has it."""
        return Settings(
            data=self.dataset.fingerprint,
            features=self.dataset.features,
            model=self.model_config,
            loss=self.train_step.loss.config,
            codec=self.codec,
            training=self.config,
            split=self.split.how,
            validation=self.validation_by,
            started_from=self.started_from,
        )

    def averaged_network(self) -> Network:
        """Return the network with the averaged weights; those in training stay as they are."""
        with self.train_step.averaged():
            return to_network(self.train_step.network, self.model_config)


def set_up(
    dataset: Dataset,
    model_config: ModelConfig,
    config: TrainingConfig,
    codec: CodecConfig | None,
    *,
    validation: str,
    start: TrainedModel | None = None,
    started_from: dict[str, Any] | None = None,
    say: Callable[[str], None],
) -> Setup:
    """Return everything that a training starts with, and report the split and the scores; see `loop.train`."""
    keras.utils.set_random_seed(config.seed)
    parts = split(dataset, config, validation)
    say(f"Validation on {len(parts.validation)} of {counted(len(dataset.names), 'recording')}: {parts.how}.")
    baseline = pca.fit(dataset, parts.training, *model_config.baseline_shape)
    train_step = _make_train_step(dataset, parts.training, model_config, config, codec, start)
    backend().share(train_step.variables)
    used = np.concatenate([parts.training, parts.validation])
    between = frames_between(dataset, used) if model_config.between else None
    if between is not None and len(between) < len(used):
        some = f"{len(between):,} of {counted(len(used), 'recording')}"
        say(f"Frames between those of the array were made for {some}; for the others, they are interpolated.")

    def batches_of(recordings: np.ndarray, *, silences: bool = False) -> Batches:
        return Batches(
            dataset,
            recordings,
            batch_size=config.batch_size,
            frames_per_latent=model_config.frames_per_latent,
            distance=train_step.loss,
            silences=silences,
            between=between,
        )

    batches = batches_of(parts.training, silences=codec is not None)
    # At most the frames of a tenth of an epoch's steps: a large corpus has more than are needed.
    most_frames = MOST_STEPS // 10 * config.batch_size * dataset.features.n_frames
    held_out = Validation(train_step, batches_of(subset(dataset, parts.validation, most_frames)))
    start_score = held_out.score_averages()
    n_mels = dataset.features.n_mels
    baseline_score = held_out.score_function(lambda frames: baseline.reconstruct(frames[:n_mels]))
    say(f"The PCA baseline: {baseline_score.error_db:.3f} dB RMS error on validation, loss {baseline_score.loss:.4f}.")
    if start and started_from:
        scores = f"{start_score.error_db:.3f} dB, loss {start_score.loss:.4f}"
        say(f"{started_from['name']}, before it is trained further: {scores}.")
    if codec:
        say("During training, the model's errors are those of quantised latents; the baseline's are not quantised.")
    return Setup(
        dataset,
        model_config,
        config,
        codec,
        validation,
        parts,
        baseline,
        train_step,
        batches,
        held_out,
        start_score,
        baseline_score,
        started_from,
    )


def frames_between(dataset: Dataset, recordings: np.ndarray) -> dict[int, np.ndarray]:
    """Return the frames between (n_mels, n), float16, of these recordings (indices), as far as they are there.

    Of a large corpus, they are those of some recordings, evenly spread.
    """
    features = dataset.features

    def make(recording: int) -> tuple[int, np.ndarray | None]:
        with suppress(InputError):
            if not dataset.has_changed(recording):
                waveform = dataset.read(recording, most=_MOST_OF_EACH_S * int(dataset.sr[recording]))
                return recording, dataset.frames_between(recording, waveform).astype(np.float16)
        return recording, None

    some = subset(dataset, recordings, _MOST_BETWEEN_S * features.frame_rate)
    with threadpool_limits(1, user_api="blas"):  # threads that share such small products take forty times as long
        return {i: made for i, made in in_order(make, map(int, some), available_cpus()) if made is not None}


def subset(dataset: Dataset, recordings: np.ndarray, most_frames: float) -> np.ndarray:
    """Return some of these recordings (indices), evenly spread over them, of about most_frames frames at most."""
    return recordings[:: max(1, math.ceil(dataset.n_frames[recordings].sum() / most_frames))]


def _make_train_step(
    dataset: Dataset,
    recordings: np.ndarray,
    model_config: ModelConfig,
    config: TrainingConfig,
    codec: CodecConfig | None,
    start: TrainedModel | None,
) -> TrainStep:
    """Return a TrainStep whose network starts at that of a model, or at the PCA of these recordings."""
    if start:
        linear = pca_of(start.network)
        network = to_keras(start.network)
        freeze_linear_path(network)
    else:
        linear = pca.fit(dataset, recordings, model_config.frames_per_latent, model_config.latent_size)
        network = build(model_config)
        start_at_pca(network, model_config, linear)
    features = dataset.features
    loss = TrainingLoss(features, LossConfig())
    if model_config.between:
        loss = TrainingLoss(features.finer, LossConfig(), envelope_step=FINER_ENVELOPE_STEP)
    quantiser = Quantiser(codec, linear, features.frame_rate, seed=config.seed) if codec else None
    if quantiser and start and start.entropy:
        quantiser.start_at(start.entropy)
    return TrainStep(network, config, loss=loss, range_db=features.range_db, quantiser=quantiser)
