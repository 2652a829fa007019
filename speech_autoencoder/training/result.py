"""What a finished training leaves: the model of the best epoch, with what codes its latents if it is a codec."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from speech_autoencoder.codec.enhancement_fitting import fit_enhancement
from speech_autoencoder.config import CodecConfig
from speech_autoencoder.data.splits import Split
from speech_autoencoder.model.keras_network import to_network
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.origin import KEY
from speech_autoencoder.system.versions import versions
from speech_autoencoder.training.checkpoints import TrainingState
from speech_autoencoder.training.history import History
from speech_autoencoder.training.quantiser import Quantiser
from speech_autoencoder.training.setup import Setup, subset

# About how many latents the tables of a codec's entropy model are fitted on, and its enhancement layer; and the longest
# piece of a recording there, in latents.
_FITTED_LATENTS = 4_000
_LONGEST_PIECE = 512


@dataclass(frozen=True)
class Result:
    """A finished training.

    Attributes
    ----------
    model : TrainedModel
        The model of the best epoch.
    history : History
        All epochs.
    baseline_db, baseline_loss : float
        The RMS error (dB) and the loss of the PCA baseline on validation.
    best_db, best_loss : float
        Those of the model.
    best_epoch : int
        From 1; 0 if no epoch was better than the start.
    n_epochs : int
        The epochs that were planned.
    split : Split
        The recordings for training, and those for validation.
    ended : str
        Why training ended: "done", "time", "patience" or "interrupted".
    """

    model: TrainedModel
    history: History
    baseline_db: float
    baseline_loss: float
    best_db: float
    best_loss: float
    best_epoch: int
    n_epochs: int
    split: Split
    ended: str


def make_result(setup: Setup, state: TrainingState, ended: str) -> Result:
    """Return the result, and leave the best weights in the network."""
    setup.train_step.use(state.best_weights)
    network = to_network(setup.train_step.network, setup.model_config)
    score, baseline_score = state.best_score, setup.baseline_score
    loss_config = setup.train_step.loss.config
    model = TrainedModel(network, setup.dataset.features, loss_config, setup.baseline, {})
    codec_description = None
    if setup.codec and setup.train_step.quantiser:
        model, kbits = _make_codec(setup, setup.codec, setup.train_step.quantiser, model)
        codec_description = setup.codec.to_json() | kbits
        # Comparable with the baseline, whose latents are not quantised either.
        score = setup.validation.score_function(lambda frames: network.decode(network.encode(frames)))
    description = {
        "training": {
            **asdict(setup.config),
            "planned_epochs": state.n_epochs,
            "ended": ended,
            "split": setup.split.how,
        },
        "validation": {
            "error_db": score.error_db,
            "baseline_db": baseline_score.error_db,
            "loss": score.loss,
            "baseline_loss": baseline_score.loss,
            "epoch": state.best_epoch,
        },
        "history": asdict(state.history),
        "codec": codec_description,
        KEY: setup.started_from,
        "data": {"fingerprint": setup.dataset.fingerprint, "n_recordings": len(setup.dataset.names)},
        "versions": versions(),
    }
    return Result(
        model=replace(model, description=description),
        history=state.history,
        baseline_db=baseline_score.error_db,
        baseline_loss=baseline_score.loss,
        best_db=score.error_db,
        best_loss=score.loss,
        best_epoch=state.best_epoch,
        n_epochs=state.n_epochs,
        split=setup.split,
        ended=ended,
    )


def _make_codec(
    setup: Setup, codec: CodecConfig, quantiser: Quantiser, model: TrainedModel
) -> tuple[TrainedModel, dict[str, list[float]]]:
    """Return a model with what a codec needs, fitted to training recordings, and its bitrates on them."""
    most_frames = _FITTED_LATENTS * model.config.frames_per_latent
    some = subset(setup.dataset, setup.split.training, most_frames)
    longest = _LONGEST_PIECE * model.config.frames_per_latent
    recordings = _pieces([setup.dataset.frames(i) for i in some], longest, most_frames)
    entropy = quantiser.to_entropy_model([model.network.encode(frames) for frames in recordings])
    model = replace(model, entropy=entropy)
    layer, kbits = fit_enhancement(model, recordings, codec.highest_kbits)
    return replace(model, enhancement=layer), kbits


def _pieces(recordings: list[np.ndarray], longest: int, most: int) -> list[np.ndarray]:
    """Return recordings (n_mels, n_frames) cut into pieces of at most `longest` frames, up to about `most` in all."""
    pieces = [frames[:, i : i + longest] for frames in recordings for i in range(0, frames.shape[1], longest)]
    before = np.cumsum([0, *(piece.shape[1] for piece in pieces)])
    return [piece for piece, start in zip(pieces, before, strict=False) if start < most]
