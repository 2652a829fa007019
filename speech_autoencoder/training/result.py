"""What a finished training leaves: the model of the best epoch, with its entropy model if it is a codec."""

from dataclasses import asdict, dataclass

from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.data.splits import Split
from speech_autoencoder.model.entropy_model import EntropyModel
from speech_autoencoder.model.keras_network import to_network
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import Network
from speech_autoencoder.model.origin import KEY
from speech_autoencoder.model.quantisation import to_fixed
from speech_autoencoder.system.versions import versions
from speech_autoencoder.training.checkpoints import TrainingState
from speech_autoencoder.training.history import History
from speech_autoencoder.training.quantiser import Quantiser
from speech_autoencoder.training.setup import Setup, subset

# About how many latents the tables of a codec's entropy model are fitted on.
_FITTED_LATENTS = 4_000


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
    codec_description = entropy = None
    if setup.codec and setup.train_step.quantiser:
        entropy, kbits = _fit_entropy_model(setup, setup.train_step.quantiser, network)
        codec_description = setup.codec.to_json() | {"kbits": kbits}
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
    features, loss_config = setup.dataset.features, setup.train_step.loss.config
    return Result(
        model=TrainedModel(network, features, loss_config, setup.baseline, description, entropy),
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


def _fit_entropy_model(setup: Setup, quantiser: Quantiser, network: Network) -> tuple[EntropyModel, list[float]]:
    """Return the entropy model, and the bitrates in kbit/s of its coarsest and finest step on training recordings."""
    most_frames = _FITTED_LATENTS * network.config.frames_per_latent
    recordings = subset(setup.dataset, setup.split.training, most_frames)
    latents = [network.encode(setup.dataset.frames(i)) for i in recordings]
    model = quantiser.to_entropy_model(latents)
    coder = LatentCoder(model)
    seconds = setup.dataset.n_frames[recordings].sum() / setup.dataset.features.frame_rate
    fixed = [to_fixed(latent) for latent in latents]

    def kbits(quality: int) -> float:
        return sum(len(coder.encode(values, quality)[0]) for values in fixed) * 8 / 1_000 / float(seconds)

    return model, [kbits(0), kbits(model.n_qualities - 1)]
