"""Tell how good a model is on recordings: scores, a verdict, a figure and a page."""

from functools import partial
from os import PathLike
from pathlib import Path

from speech_autoencoder.api.arguments import optional
from speech_autoencoder.api.engines import require_engine
from speech_autoencoder.api.evaluation_steps import (
    load_encoders,
    make_evaluation,
    report_scores,
    report_verdict,
    require_recordings,
    require_sound,
    scoring_by,
    train_recogniser,
)
from speech_autoencoder.api.reports import StartBar, reports
from speech_autoencoder.cli.libraries import require_extra
from speech_autoencoder.cli.origins import is_card, is_evaluation, is_figure
from speech_autoencoder.cli.outputs import require_outputs
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.cli.progress import Say
from speech_autoencoder.cli.session import settings_kept
from speech_autoencoder.config import LABEL_SOURCES, RECOGNISERS, InversionConfig
from speech_autoencoder.data import dataset
from speech_autoencoder.data.parts.folder import array_at
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import evaluation, leakage, rates
from speech_autoencoder.evaluation.metrics.recognition import WORDS
from speech_autoencoder.evaluation.recognition import speakers, words
from speech_autoencoder.evaluation.recognition.recogniser import Recognition
from speech_autoencoder.evaluation.results import Evaluation
from speech_autoencoder.export import model_card
from speech_autoencoder.report import page, score_figure, text
from speech_autoencoder.script_names import TEST_DATA_GENERATOR
from speech_autoencoder.storage.remote_path import expanded, of_text
from speech_autoencoder.system.figures import try_to_draw
from speech_autoencoder.system.files import lock, locks_released, printable, require_replaceable, write_json
from speech_autoencoder.system.isolation import child_processes
from speech_autoencoder.system.processors import available_cpus
from speech_autoencoder.system.wording import listed


@settings_kept()
@locks_released()
def evaluate(
    data: str | PathLike,
    model: str | PathLike,
    *,
    training_data: str | PathLike | None = None,
    compare: str | PathLike | None = None,
    labels: str | PathLike = "auto",
    recogniser: str = "trained",
    scores: str | PathLike | None = None,
    figure: str | PathLike | None = None,
    report: str | PathLike | None = None,
    card: str | PathLike | None = None,
    workers: int | None = None,
    engine: str = "threads",
    overwrite: bool = False,
    say: Say | None = None,
    warn: Say | None = None,
    progress: StartBar | None = None,
) -> Evaluation:
    """Score a model on an array, beside the PCA baseline and copy-synthesis (no model in between).

    TensorFlow is needed where a word recogniser is trained: where `training_data` is given and recordings have labels.

    Parameters
    ----------
    data
        The array to evaluate on, which `build_dataset` has made, with its recordings where they were.
    model
        The model's file.
    training_data
        The array that the model was trained on, to see what testing shares with it.
    compare
        Another model's file, to see which is better.
    labels
        Where the word of each recording comes from: ``"names"``, ``"folders"``, the path of a CSV with the columns
        path and label, ``"none"``, or ``"auto"`` (labels.csv in the recordings' folder, otherwise the names).
    recogniser
        What recognises the words: ``"trained"`` now on the training recordings, or ``"pocketsphinx"`` or
        ``"whisper"``, if they are installed.
    scores, figure, report, card
        Where the result is written: as JSON, as PNG, as a folder with a page and its sounds, and as the model's card,
        in Markdown; None: nowhere.
    workers
        Threads; by default as many as processors. The result does not depend on them.
    engine
        ``"threads"``, or ``"dask"``: segments are divided among the workers of a Dask cluster, see docs/scale.md. The
        result is the same.
    overwrite
        Replace files that exist and were not made by this program.
    say, warn, progress
        Where to report to, as for `train`.

    Returns
    -------
    Evaluation
        Among others ``scores``, by system and metric, their ``intervals``, and the ``verdict``; ``to_json()`` is what
        is written as JSON.

    Raises
    ------
    InputError
        If the array or the model cannot be used, they do not fit each other, the recordings are gone, or an output
        cannot be written or would replace what this program has not made.

    Examples
    --------
    >>> import speech_autoencoder as sa
    >>> result = sa.evaluate("test_data.npy", "model.h5", labels="none")
    >>> sorted(result.scores)
    ['copy_synthesis', 'model', 'pca']
    >>> result.scores["copy_synthesis"]["log_mel_db"]
    0.0
    """
    array_path, model_path = expanded(data), expanded(model)
    training_path, other_path, scores_path, figure_path, report_dir, card_path = (
        None if path is None else expanded(path) for path in (training_data, compare, scores, figure, report, card)
    )
    labels = labels if labels in LABEL_SOURCES else str(expanded(labels))
    reporter, inversion = reports(say, warn, progress), InversionConfig()
    array_path = array_at(array_path, reporter.say)
    training_path = array_at(training_path, reporter.say) if training_path else None
    workers = optional("workers", workers, int) or available_cpus()

    require_engine(engine)
    if recogniser not in RECOGNISERS:
        raise InputError(f"recogniser is {recogniser!r}: expected one of {', '.join(RECOGNISERS)}.")

    # What is evaluated, and what may be written.
    require_extra("evaluate")
    array = dataset.load(array_path, TEST_DATA_GENERATOR, progress=reporter.progress("checking"))
    missing = require_recordings(array, array_path, reporter.say)
    is_installed = recogniser != "trained"
    installed = words.installed(recogniser, labels, array, reporter.say) if is_installed else None
    arrays = [path for path in (array_path, training_path) if path]
    others = [path for path in (model_path, other_path, of_text(labels)) if path]
    outputs = [(scores_path, is_evaluation), (figure_path, is_figure), (card_path, is_card)]
    require_outputs(
        [(path, is_ours) for path, is_ours in outputs if path],
        inputs=[*arrays, *map(dataset.sidecar_path, arrays), *others],
        overwrite=overwrite,
    )
    if scores_path:
        lock(scores_path)
    if report_dir:
        require_replaceable(report_dir, page.is_report)

    # The models, and the recognisers of words and speakers.
    encoder, other = load_encoders(model_path, other_path, array, array_path)
    training, reason = (
        leakage.training_of(encoder.model, training_path, array)
        if training_path
        else (None, "no training array was named.")
    )
    train = partial(train_recogniser, reporter.say, reporter.bar("training the word recogniser"))
    word_recogniser, word_labels = installed or words.learned(labels, array, training, reason, train, reporter.say)
    of_speakers = speakers.learned(array, training, reason, reporter.say)
    of_words = Recognition(WORDS.key, word_recogniser, word_labels) if word_recogniser else None

    # The scores.
    scoring = scoring_by(
        engine,
        data=array,
        array_path=array_path,
        model_path=model_path,
        other_path=other_path,
        workers=workers,
        say=reporter.say,
    )
    with blas_threads(1), child_processes():  # as the workers compute side by side
        with scoring as score:
            measured = evaluation.evaluate(
                array,
                encoder,
                inversion,
                other=other,
                other_path=str(other_path or ""),
                recognitions=[each for each in (of_words, of_speakers) if each],
                labels=word_labels,
                progress=reporter.progress("evaluating"),
                workers=workers,
                score=score,
            )
        require_sound(measured, array_path)
        by_rate = rates.measure(
            measured,
            array,
            encoder.model,
            inversion,
            speakers=of_speakers,
            progress=reporter.progress("codecs"),
            workers=workers,
        )
        shared = None
        if training:
            progress_of_training = reporter.progress("comparing with training")
            shared = leakage.compare_with_training(training, array, encoder, progress_of_training)
        else:
            reporter.say(f"Testing is not compared with training: {reason}")
    result = make_evaluation(
        measured,
        data=array,
        array_path=array_path,
        model=encoder.model,
        model_path=model_path,
        labels=labels,
        recogniser=recogniser,
        rates_found=by_rate,
        shared=shared,
    )

    # What is written and reported.
    report_scores(result, reporter.say, missing=missing)
    written: list[Path] = []
    if scores_path:
        write_json(scores_path, result.to_json())
        written.append(scores_path)
    if figure_path:
        written += try_to_draw(
            figure_path, partial(score_figure.draw_scores, scores=text.shown(result)[0]), reporter.warn
        )
    report_verdict(result, reporter.say)
    if card_path:
        has_licence = model_card.write(card_path, result)
        written.append(card_path)
        if not has_licence:
            reporter.say(f"{printable(card_path)} describes the model: fill in its license before you share the model.")
    size = ""
    if report_dir:
        progress_of_page = reporter.progress("page")
        with blas_threads(1):
            n_bytes = page.write(
                report_dir, result, array, encoder, inversion, progress=progress_of_page, workers=workers
            )
        written.append(report_dir / "index.html")
        size = f" ({n_bytes / 1e6:.1f} MB with its sound)"
    if written:
        reporter.say(f"Wrote {listed(written)}{size}.")
    return result
