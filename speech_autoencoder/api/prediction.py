"""Send recordings through a model: the sound of each, and a figure of a single one."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

from speech_autoencoder.api.arguments import optional
from speech_autoencoder.api.engines import require_engine
from speech_autoencoder.api.file_batches import shared_batch
from speech_autoencoder.api.reports import StartBar, reports
from speech_autoencoder.cli.inputs import Batch, duration_s, load_codec, recordings_of
from speech_autoencoder.cli.messages import describe_encoded
from speech_autoencoder.cli.origins import is_codec_file, is_figure, is_sound
from speech_autoencoder.cli.outputs import output_paths, require_suffix
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.session import settings_kept
from speech_autoencoder.codec.container import SUFFIX
from speech_autoencoder.codec.files import (
    SEARCHED_S,
    expected_s,
    prediction_encoder,
    reconstruct_file,
    reconstruct_files,
)
from speech_autoencoder.codec.reconstruction import ignore_block
from speech_autoencoder.codec.recording_codec import Encoded
from speech_autoencoder.engines.engine import THREADS
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file
from speech_autoencoder.report.recording_figure import Excerpt
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.figures import try_to_draw
from speech_autoencoder.system.files import lock, locks_released, printable
from speech_autoencoder.system.processors import available_cpus
from speech_autoencoder.system.wording import counted, listed

# Parts that are searched at the same time, which take some 100 MB each; inversion keeps up with no more.
_MOST_WORKERS = 4


@dataclass(frozen=True)
class Prediction:
    """What `predict` did.

    Attributes
    ----------
    reconstructions : list of Path
        The WAV files that were written.
    encoded : list of Encoded
        With a bitrate, the size of each ``.sae`` file, in the same order.
    figure : Path or None
        The figure that was written.
    left_out : list of (Path, str)
        The recordings that could not be used, and the reasons.
    """

    reconstructions: list[Path]
    encoded: list[Encoded]
    figure: Path | None
    left_out: list[tuple[Path, str]]


@settings_kept()
@locks_released()
def predict(
    files: str | PathLike | Iterable[str | PathLike],
    model: str | PathLike,
    *,
    output: str | PathLike = "reconstruct.wav",
    output_dir: str | PathLike | None = None,
    figure: bool = False,
    bitrate: float | None = None,
    strict: bool = False,
    salvage: bool = False,
    engine: str = "threads",
    overwrite: bool = False,
    say: Say | None = None,
    warn: Say | None = None,
    progress: StartBar | None = None,
) -> Prediction:
    """Write what a model makes of recordings of any length, each as a WAV file of the recording's rate and length.

    Parameters
    ----------
    files
        Recordings, or folders or patterns of them.
    model
        The model's file.
    output
        The WAV to write, for one recording.
    output_dir
        A folder for many WAVs, each under its recording's name.
    figure
        Also draw the recording and its reconstruction, for one recording: a PNG beside the WAV.
    bitrate
        kbit/s: also write a ``.sae`` file beside each WAV, and reconstruct from it. The model must be a codec.
    strict
        Raise InputError for the first of many recordings that cannot be used, instead of leaving it out.
    salvage
        Use what can be decoded of recordings that are cut short or damaged.
    engine
        ``"threads"``, or ``"dask"``: recordings, which need an `output_dir`, are divided among the workers of a Dask
        cluster, see docs/scale.md.
    overwrite
        Replace files that exist and were not made by this program.
    say, warn, progress
        Where to report to, as for `train`.

    Returns
    -------
    Prediction
        What was written, and what was left out.

    Raises
    ------
    InputError
        If no recording or the model can be used, or an output cannot be written or would replace what this program has
        not made.

    Examples
    --------
    >>> import speech_autoencoder as sa
    >>> prediction = sa.predict("recordings/a.wav", "model.h5", output="a-reconstructed.wav")
    >>> str(prediction.reconstructions[0])
    'a-reconstructed.wav'
    """
    reporter = reports(say, warn, progress)
    model_path, output_path = expanded(model), expanded(output)
    folder = None if output_dir is None else expanded(output_dir)
    bitrate = optional("bitrate", bitrate, float)
    require_engine(engine)
    if engine != THREADS and folder is None:
        raise InputError(f"--engine {engine} divides recordings among workers: name a folder for them (--output-dir).")

    # What is read, and what may be written.
    require_suffix(output_path, ".wav")
    named = files if isinstance(files, Iterable) and not isinstance(files, str) else [files]
    paths = recordings_of(map(expanded, named))
    if not paths:
        raise InputError("files names no recording: name one, or a folder of them.")
    figure_path = output_path.with_suffix(".png") if figure and not folder else None
    batch = Batch(paths, output_paths(paths, output_path, folder), strict=strict)
    encoded_paths = [(path.with_suffix(SUFFIX), is_codec_file) for _, path in batch.pairs] if bitrate else []
    also = [*encoded_paths, *([(figure_path, is_figure)] if figure_path else [])]
    batch.require_free(is_sound, model_path, *also, overwrite=overwrite)
    is_here = engine == THREADS
    measure = partial(duration_s, salvage=salvage, warn=reporter.warn) if is_here else expected_s
    seconds = batch.each(lambda path, _: measure(path))
    if folder is None:
        lock(output_path)

    # From each recording to its latent, and from that to its sound.
    loaded = load_codec(model_path) if bitrate else model_file.load(model_path)
    excerpt = Excerpt(paths[0], loaded.features, salvage=salvage) if figure_path else None
    where = folder or output_path.parent
    with (
        shared_batch(engine, batch, model=model_path, folder=where, say=reporter.say) as shared,
        blas_threads(1),
        reporter.start_bar("reconstructing", sum(seconds)) as bar,
    ):
        if shared:
            reconstruct = partial(reconstruct_files, model=shared.model, bitrate=bitrate, salvage=salvage)
            results = shared.write(reconstruct, seconds, most_s=SEARCHED_S, tick=bar.update, warn=reporter.warn)
        else:
            reconstruct_one = partial(
                reconstruct_file,
                encoder=prediction_encoder(loaded, bitrate),
                bitrate=bitrate,
                salvage=salvage,
                workers=min(_MOST_WORKERS, available_cpus()),
                watch=excerpt.watch if excerpt else ignore_block,
                tick=bar.update,
            )
            results = batch.each(reconstruct_one)
    sizes = [encoded for encoded in results if encoded]
    drawn = try_to_draw(figure_path, excerpt.draw, reporter.warn) if figure_path and excerpt else []

    # What was written.
    done, written = [path for path, _ in batch.pairs], [path for _, path in batch.pairs]
    if sizes:
        where = written[0].with_suffix(SUFFIX) if len(done) == 1 else written[0].parent
        describe_encoded(sizes, done, where, bitrate, reporter.say)
    if folder:
        reporter.say(f"Wrote {counted(len(written), 'reconstruction')} to {printable(folder)}.")
    else:
        reporter.say(f"Wrote {listed([output_path, *drawn])}.")
    batch.name_left_out(reporter.warn)
    return Prediction(written, sizes, drawn[0] if drawn else None, batch.left_out)
