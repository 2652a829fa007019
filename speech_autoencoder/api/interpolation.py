"""Sounds that lead from one recording to another, and a figure of them."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from speech_autoencoder.api.arguments import number
from speech_autoencoder.api.reports import StartBar, reports
from speech_autoencoder.cli.inputs import duration_s, recordings_of
from speech_autoencoder.cli.origins import is_figure, is_sound
from speech_autoencoder.cli.outputs import require_outputs, require_suffix
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.session import settings_kept
from speech_autoencoder.codec.interpolation import interpolate_recordings, require_short, weights
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import INTERPOLATION_STEPS, MOST_INTERPOLATION_STEPS, InversionConfig, LatentSearchConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file
from speech_autoencoder.report.interpolation_figure import draw_interpolation
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.figures import try_to_draw
from speech_autoencoder.system.files import lock, locks_released, printable
from speech_autoencoder.system.processors import available_cpus
from speech_autoencoder.system.wording import counted

# As in predictions.
_MOST_WORKERS = 4


@dataclass(frozen=True)
class Interpolation:
    """What `interpolate` did.

    Attributes
    ----------
    sounds : list of Path
        The WAV files, from the first recording's reconstruction to the second's.
    figure : Path or None
        The figure that was written.
    """

    sounds: list[Path]
    figure: Path | None


@settings_kept()
@locks_released()
def interpolate(
    first: str | PathLike,
    second: str | PathLike,
    model: str | PathLike,
    *,
    steps: int = INTERPOLATION_STEPS,
    output: str | PathLike = "reconstruct.wav",
    figure: bool = False,
    salvage: bool = False,
    overwrite: bool = False,
    say: Say | None = None,
    warn: Say | None = None,
    progress: StartBar | None = None,
) -> Interpolation:
    """Write what a model makes of two recordings, and sounds between them: aligned in time, latents interpolated.

    Parameters
    ----------
    first, second
        The recordings, of some minutes at most.
    model
        The model's file.
    steps
        The sounds to write, those of the recordings included.
    output
        What they are called: with 5 steps, ``a.wav`` becomes ``a_1_of_5.wav`` to ``a_5_of_5.wav``.
    figure
        Also draw their spectrograms: a PNG, here ``a.png``.
    salvage
        Use what can be decoded of recordings that are cut short or damaged.
    overwrite
        Replace files that exist and were not made by this program.
    say, warn, progress
        Where to report to, as for `train`.

    Returns
    -------
    Interpolation
        What was written.

    Raises
    ------
    InputError
        If a recording or the model cannot be used, or an output cannot be written or would replace what this program
        has not made.

    Examples
    --------
    >>> import speech_autoencoder as sa
    >>> between = sa.interpolate("recordings/a.wav", "recordings/b.wav", "model.h5", steps=3)
    >>> [path.name for path in between.sounds]
    ['reconstruct_1_of_3.wav', 'reconstruct_2_of_3.wav', 'reconstruct_3_of_3.wav']
    """
    reporter = reports(say, warn, progress)
    model_path, output_path = expanded(model), expanded(output)
    if not 2 <= number("steps", steps, int) <= MOST_INTERPOLATION_STEPS:
        raise InputError(f"steps is {steps}: expected 2 to {MOST_INTERPOLATION_STEPS}.")

    # What is read, and what may be written.
    require_suffix(output_path, ".wav")
    one, other = (_only_one(path) for path in (first, second))
    sounds, figure_path = _step_paths(output_path, steps), output_path.with_suffix(".png") if figure else None
    outputs = [*((path, is_sound) for path in sounds), *([(figure_path, is_figure)] if figure_path else [])]
    require_outputs(outputs, inputs=[one, other, model_path], overwrite=overwrite)
    paths = (one, other) if one != other else (one,)
    durations = {path: duration_s(path, salvage=salvage, warn=reporter.warn) for path in paths}
    lock(output_path)

    # From both recordings to their latents, and from those between them to sounds.
    encoder = Encoder(model_file.load(model_path), LatentSearchConfig())
    for path in paths:
        require_short(path, encoder.model, salvage=salvage)
    seconds = (durations[one] + durations[other]) * (1 + steps / 2)
    workers = min(_MOST_WORKERS, available_cpus())
    with blas_threads(1), reporter.start_bar("reconstructing", seconds) as bar:
        log_mels = interpolate_recordings(
            (one, other), encoder, InversionConfig(), sounds, salvage=salvage, workers=workers, tick=bar.update
        )

    def draw(path: Path) -> None:
        draw_interpolation(path, (one.name, other.name), weights(steps), log_mels, encoder.model.features)

    drawn = try_to_draw(figure_path, draw, reporter.warn) if figure_path else []
    also = f", and {printable(drawn[0])}" if drawn else ""
    reporter.say(f"Wrote {printable(sounds[0])} to {printable(sounds[-1])}{also}.")
    return Interpolation(sounds, drawn[0] if drawn else None)


def _only_one(name: str | PathLike) -> Path:
    """Return the recording that is named; raise InputError if that is a folder or a pattern of several."""
    paths = recordings_of([name])
    if len(paths) > 1:
        raise InputError(f"{printable(name)} is {counted(len(paths), 'recording')}: name one.")
    return paths[0]


def _step_paths(output: Path, steps: int) -> list[Path]:
    """Return what the sound of each step is called; names sort as steps do."""
    width = len(str(steps))
    return [output.with_stem(f"{output.stem}_{step:0{width}}_of_{steps}") for step in range(1, steps + 1)]
