"""Train a model on an array, from the checks to the figure of the training."""

import os
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from speech_autoencoder.api.reports import Reports, StartBar, reports
from speech_autoencoder.api.training_options import Choice, Options, can_have_between, choose, suit_devices
from speech_autoencoder.cli.backend import BACKENDS, SEVERAL, chosen_backend, require_backend, start_backend
from speech_autoencoder.cli.messages import describe_latent, describe_training
from speech_autoencoder.cli.origins import is_checkpoint, is_figure, is_history, is_model
from speech_autoencoder.cli.outputs import require_outputs, require_suffix
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.session import settings_kept
from speech_autoencoder.config import TrainingConfig
from speech_autoencoder.data import corpus_summary, dataset
from speech_autoencoder.data.parts.folder import array_at
from speech_autoencoder.errors import InputError
from speech_autoencoder.script_names import PROGRAM, TRAIN_DATA_GENERATOR
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.figures import try_to_draw
from speech_autoencoder.system.files import lock, locks_released, printable
from speech_autoencoder.system.processors import training_threads
from speech_autoencoder.system.versions import versions
from speech_autoencoder.system.wording import listed
from speech_autoencoder.training.processes.group import Processes, joined
from speech_autoencoder.training.processes.place import find_place

if TYPE_CHECKING:  # it imports the backend
    from speech_autoencoder.training.result import Result


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
    start_from: str | PathLike | None = None,
    tensorboard: str | PathLike | None = None,
    overwrite: bool = False,
    say: Say | None = None,
    warn: Say | None = None,
    progress: StartBar | None = None,
) -> "Result":
    """Train a model on an array, and write it. This needs TensorFlow, or JAX (``KERAS_BACKEND=jax``).

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
        The highest learning rate of the schedule; lower by default with `start_from`.
    patience
        Epochs without improvement before training stops.
    validation
        How recordings are held out: ``"speaker"``, ``"recording"``, or ``"auto"``, by speaker if the names tell enough.
    seed
        The same seed and `epochs` give the same model.
    resume
        Continue the training in the checkpoint.
    start_from
        A model whose weights training starts from, instead of anew, which helps where recordings are few; its path, or
        ``"pretrained"`` for the one that comes with the package. The array must have its features; the sizes are those
        of the model, and a codec remains one.
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
        options contradict each other, training diverges, or TensorFlow (or JAX) is missing.

    Examples
    --------
    >>> import speech_autoencoder as sa
    >>> result = sa.train("train_data.npy", "model.h5", minutes=5, say=print)  # doctest: +SKIP
    >>> result.best_db < result.baseline_db  # doctest: +SKIP
    True
    """
    asked = Options(
        minutes,
        epochs,
        latent_rate,
        size,
        codec,
        batch_size,
        learning_rate,
        patience,
        validation,
        seed,
        bool(resume),
        None if start_from is None else expanded(start_from),
    )
    report = reports(say, warn, progress)
    require_backend()
    place = find_place(os.environ)
    if place and chosen_backend() != SEVERAL:
        raise InputError(
            f"{BACKENDS[chosen_backend()]} trains in one process, and this is {place.name}: set "
            f"KERAS_BACKEND={SEVERAL} for all of them, or start one."
        )
    with joined(place, say=report.say, warn=report.warn) as processes:
        if processes.number:  # process 0 reports
            report = reports(None, warn, None)
        others = (None if path is None else expanded(path) for path in (history, figure, tensorboard))
        outputs = Outputs(expanded(model), *others)
        return _train(asked, data, outputs, overwrite=overwrite, report=report, processes=processes)


class Outputs(NamedTuple):
    """What a training writes; None is not written."""

    model: Path
    history: Path | None
    figure: Path | None
    tensorboard: Path | None

    @property
    def checkpoint(self) -> Path:
        """The file that the training is resumed from."""
        return self.model.with_suffix(".checkpoint.npz")


def _train(
    asked: Options,
    data: str | PathLike,
    outputs: Outputs,
    *,
    overwrite: bool,
    report: Reports,
    processes: Processes,
) -> "Result":
    """Train as one of the processes; see `train`."""
    is_first = processes.number == 0
    # What is asked for, and what may be written.
    array_path = array_at(expanded(data), report.say)
    array = dataset.load(array_path, TRAIN_DATA_GENERATOR, progress=report.progress("checking"))
    require_suffix(outputs.model, ".h5")
    between = bool(processes.agree(can_have_between(array)))
    choice = choose(asked, array, array_path, outputs.checkpoint, report.say, between=between)
    log = None
    if is_first:
        kinds = [is_model, is_history, is_figure, is_checkpoint]
        paths = [outputs.model, outputs.history, outputs.figure, outputs.checkpoint]
        require_outputs(
            [(path, is_ours) for path, is_ours in zip(paths, kinds, strict=True) if path is not None],
            inputs=[array_path, dataset.sidecar_path(array_path), *([asked.start_from] if asked.start_from else [])],
            overwrite=overwrite,
        )
        lock(outputs.model)
        if outputs.tensorboard is not None:
            from speech_autoencoder.report.tensorboard_log import TensorBoardLog  # few need it

            log = TensorBoardLog(outputs.tensorboard, resume=asked.resume, warn=report.warn)
    processes.require_same(_identity(asked, array, choice))

    # Training.
    start_backend(report.say, threads=training_threads())
    # After the checks: these import the backend.
    from speech_autoencoder.training.backends.choice import backend
    from speech_autoencoder.training.history import draw_history, write_history
    from speech_autoencoder.training.loop import train

    backend().join(processes)
    choice = suit_devices(choice, asked, array, backend().accelerators(), backend().count_devices(), report.say)
    for line in corpus_summary.warn_if_small(array.n_samples, array.sr):
        report.say(line)
    describe_latent(array.features, choice.model, report.say, asked=asked.latent_rate)
    with closing(log) if log else nullcontext():
        train_with = partial(
            train,
            array,
            choice.model,
            model_path=outputs.model,
            checkpoint_path=outputs.checkpoint,
            validation=choice.validation,
            codec=choice.codec,
            start=choice.start,
            started_from=choice.started_from,
            resume=asked.resume,
            say=report.say,
            bar=report.bar("training"),
            on_epoch=log.add_epoch if log else None,
            processes=processes,
        )
        can_halve = not asked.resume and processes.count == 1
        result = _within_memory(train_with, choice.config, say=report.say, can_halve=can_halve)
    if not is_first:
        return result

    # How it went.
    written = [outputs.model]
    if outputs.history:
        write_history(outputs.history, result.history)
        written.append(outputs.history)
    if outputs.figure:
        draw = partial(
            draw_history, history=result.history, baseline_db=result.baseline_db, best_epoch=result.best_epoch
        )
        written += try_to_draw(outputs.figure, draw, report.warn)
    describe_training(result, outputs.checkpoint, report.say)
    report.say(f"Wrote {listed(written)}.")
    if log:
        report.say(f"To see the training: tensorboard --logdir {printable(log.folder)}")
    return result


def _identity(asked: Options, array: dataset.Dataset, choice: Choice) -> dict[str, Any]:
    """Return what all processes of a training must have, by what messages call it."""
    found = versions(PROGRAM)
    libraries = {name: found.get(name) for name in ("keras", "jax", PROGRAM)}
    others = {
        "array": array.fingerprint,
        "resume": asked.resume,
        "model": str(choice.model),
        "codec": str(choice.codec),
        "start from": choice.started_from and choice.started_from["sha256"],
    }
    return libraries | others | asdict(choice.config)


def _within_memory(
    train_with: Callable[[TrainingConfig], "Result"], config: TrainingConfig, *, say: Say, can_halve: bool
) -> "Result":
    """Train, with half a batch if the device has too little memory for a whole one."""
    from speech_autoencoder.training.backends.choice import is_out_of_memory

    try:
        return train_with(config)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        half = config.batch_size // 2
        if not can_halve or not half:
            raise InputError(
                f"There is too little memory on the device for --batch-size {config.batch_size}: end other programs "
                f"that use it{f', or choose --batch-size {half}' if half else ''}."
            ) from error
    # Here, as the error holds what is in the memory.
    say(f"There is too little memory on the device for --batch-size {config.batch_size}: it is {half} from here on.")
    return _within_memory(train_with, replace(config, batch_size=half), say=say, can_halve=False)
