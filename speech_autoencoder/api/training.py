"""Train a model on an array, from the checks to the figure of the training."""

from contextlib import closing, nullcontext
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING

from speech_autoencoder.api.reports import StartBar, reports
from speech_autoencoder.api.training_options import Options, choose
from speech_autoencoder.cli.libraries import require_extra
from speech_autoencoder.cli.messages import describe_latent, describe_training
from speech_autoencoder.cli.origins import is_checkpoint, is_figure, is_history, is_model
from speech_autoencoder.cli.outputs import require_outputs, require_suffix
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.session import settings_kept
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.data import corpus_summary, dataset
from speech_autoencoder.script_names import TRAIN_DATA_GENERATOR
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.figures import try_to_draw
from speech_autoencoder.system.files import lock, locks_released, printable
from speech_autoencoder.system.processors import training_threads
from speech_autoencoder.system.wording import listed

if TYPE_CHECKING:  # it starts TensorFlow
    from speech_autoencoder.training.loop import Result


@settings_kept()
@locks_released()
def train(
    data: str | PathLike,
    model: str | PathLike,
    *,
    history: str | PathLike | None = None,
    figure: str | PathLike | None = None,
    minutes: float | None = None,
    epochs: int | None = None,
    latent_rate: float | None = None,
    size: str | None = None,
    codec: bool = False,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    patience: int | None = None,
    validation: str | None = None,
    seed: int | None = None,
    resume: bool = False,
    tensorboard: str | PathLike | None = None,
    overwrite: bool = False,
    say: Say | None = None,
    warn: Say | None = None,
    progress: StartBar | None = None,
) -> "Result":
    """Train a model on an array, and write it. This needs TensorFlow.

    Ctrl-C ends the training early and keeps the best epoch.

    Parameters
    ----------
    data
        The array, which `build_dataset` has made.
    model
        The model's file to write, an ``.h5``. The checkpoint that a training is resumed from is beside it.
    history, figure
        Where the training is written epoch by epoch, as CSV and as PNG; None: nowhere.
    minutes, epochs
        The budget: at most one of them, by default a few minutes. With `resume`, what is done counts.
    latent_rate
        Upper limit of latent values per second of sound.
    size
        How large the network is: ``"small"``, the default, ``"medium"`` or ``"large"``; with `resume`, as it began.
    codec
        Train a codec, whose latents take few bits.
    batch_size
        Pairs of clips per step. Of this and the following, None is the default, or with `resume` what the training
        began with.
    learning_rate
        The highest learning rate of the schedule.
    patience
        Epochs without improvement before training stops.
    validation
        How recordings are held out: ``"speaker"``, ``"recording"``, or ``"auto"``, by speaker if the names tell enough.
    seed
        The same seed and `epochs` give the same model.
    resume
        Continue the training in the checkpoint.
    tensorboard
        A folder to write to for TensorBoard while the training goes on: its history, and a held-out recording as
        spectrograms and sound. This needs tensorboard.
    overwrite
        Replace files that exist and were not made by this program.
    say, warn, progress
        Where to report to; by default, nothing is printed. `say` and `warn` take lines, such as ``print``; without
        `warn`, warnings are Python's. `progress` takes a description and a total, and returns a bar as tqdm's are,
        such as ``lambda description, total: tqdm(desc=description, total=total)``.

    Returns
    -------
    Result
        With the trained ``model`` of the best epoch, the ``history``, and the losses and errors on validation.

    Raises
    ------
    InputError
        If the array cannot be used, an output cannot be written or would replace what this program has not made, the
        options contradict each other, training diverges, or TensorFlow is missing.

    Examples
    --------
    >>> import speech_autoencoder as sa
    >>> result = sa.train("train_data.npy", "model.h5", minutes=5, say=print)  # doctest: +SKIP
    >>> result.best_db < result.baseline_db  # doctest: +SKIP
    True
    """
    asked = Options(
        minutes, epochs, latent_rate, size, codec, batch_size, learning_rate, patience, validation, seed, bool(resume)
    )
    array_path, model_path = expanded(data), expanded(model)
    history_path, figure_path = (None if path is None else expanded(path) for path in (history, figure))
    report = reports(say, warn, progress)

    # What is asked for, and what may be written.
    require_extra("train")
    array = dataset.load(array_path, TRAIN_DATA_GENERATOR, progress=report.progress("checking"))
    require_suffix(model_path, ".h5")
    checkpoint_path = model_path.with_suffix(".checkpoint.npz")
    choice = choose(asked, array, array_path, checkpoint_path, report.say)
    outputs = [
        (model_path, is_model),
        (checkpoint_path, is_checkpoint),
        (history_path, is_history),
        (figure_path, is_figure),
    ]
    require_outputs(
        [(path, is_ours) for path, is_ours in outputs if path is not None],
        inputs=[array_path, dataset.sidecar_path(array_path)],
        overwrite=overwrite,
    )
    lock(model_path)
    log = None
    if tensorboard is not None:
        from speech_autoencoder.report.tensorboard_log import TensorBoardLog  # few need it

        log = TensorBoardLog(expanded(tensorboard), resume=asked.resume, warn=report.warn)

    # Training.
    start_tensorflow(report.say, threads=training_threads())
    # After the checks: these import TensorFlow.
    from speech_autoencoder.training.history import draw_history, write_history
    from speech_autoencoder.training.loop import train

    for line in corpus_summary.warn_if_small(array.n_samples, array.sr):
        report.say(line)
    describe_latent(array.features, choice.model, report.say, asked=asked.latent_rate)
    with closing(log) if log else nullcontext():
        result = train(
            array,
            choice.model,
            choice.config,
            model_path=model_path,
            checkpoint_path=checkpoint_path,
            validation=choice.validation,
            codec=choice.codec,
            resume=asked.resume,
            say=report.say,
            bar=report.bar("training"),
            on_epoch=log.add_epoch if log else None,
        )

    # How it went.
    written = [model_path]
    if history_path:
        write_history(history_path, result.history)
        written.append(history_path)
    if figure_path:
        draw = partial(
            draw_history, history=result.history, baseline_db=result.baseline_db, best_epoch=result.best_epoch
        )
        written += try_to_draw(figure_path, draw, report.warn)
    describe_training(result, checkpoint_path, report.say)
    report.say(f"Wrote {listed(written)}.")
    if log:
        report.say(f"To see the training: tensorboard --logdir {printable(log.folder)}")
    return result
