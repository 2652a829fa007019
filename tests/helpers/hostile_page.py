"""A page whose recordings have hostile names, for the tests of the file and of what a browser makes of it."""

from dataclasses import replace
from functools import partial

import soundfile as sf

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
from speech_autoencoder.data import building, dataset
from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.evaluation import evaluation, leakage, rates, verdict
from speech_autoencoder.evaluation.results import ArrayFile, Evaluation, Measurements, RunConfig
from speech_autoencoder.report import page
from tests.helpers.common import make_speech

QUICK = InversionConfig(griffin_lim_rounds=4)
SR = 16_000
HOSTILE = [
    "<img src=x onerror=alert(1)>.wav",
    "</script><script>alert(2)</script>.wav".replace("/", "\u2215"),
    "<!--<script>.wav",
    "\" autofocus onfocus=alert(3) x='.wav",
    "{{ 7 * 7 }}{% raw %}.wav",
    "javascript:alert(4).wav",
    "line\nbreak \u202egnp.wav",
    "日本語 100 % &amp; $x$.wav",
]
# The word of each recording, in turn; the last one is unknown.
WORDS = ["10", "9", "</title></svg><script>alert(5)</script>", "\" onload=alert(6) x='", ""]


def make_evaluation(measured: Measurements, **values):
    """Return an evaluation of these measurements, with these values of its own fields."""
    run = {
        "version": "0",
        "versions": {},
        "commit": None,
        "seed": 0,
        "config": RunConfig({}, {}, 0, "none", "trained"),
        "data": ArrayFile("data.npy", ""),
        "features": {},
        "model": {},
        "training": {},
        "verdict": verdict.judge(measured, {}),
    }
    return Evaluation(**vars(measured), **(run | values))


def make_page(folder, trained, small_arrays):
    """Write a report of recordings with hostile names.

    Returns
    -------
    folder, evaluation, n_bytes, write
        Of the report; write(folder, **changes) writes that of a changed evaluation.
    """
    for number, name in enumerate(HOSTILE):
        path = folder / "audio" / f"<b>{number % 2}<b>" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, make_speech(SR // 2 + 1_000 * number, SR, seed=number), SR)
    recordings = Recordings.of_folder(folder / "audio")
    told = recordings.understand(partial(understand, pattern="{speaker}/*"))
    building.build(recordings, folder / "data.npy", CLASSIC, workers=2, told=told)
    data = dataset.load(folder / "data.npy", "")
    model = trained[0].model
    encoder = Encoder(model, LatentSearchConfig(steps=0))
    labels = {name: WORDS[i % len(WORDS)] for i, name in enumerate(data.names)}
    measured = evaluation.evaluate(data, encoder, QUICK, workers=2, labels=labels)
    shared = leakage.compare_with_training(small_arrays[0], data, encoder)
    result = make_evaluation(
        measured,
        training=model.description,
        rates=rates.measure(measured, data, model, QUICK, workers=2),
        shared_with_training=shared,
        verdict=verdict.judge(measured, {"features": model.features.to_json()} | model.description, shared),
    )

    def write(target, **changes):
        return page.write(target, replace(result, **changes), data, encoder, QUICK, workers=2)

    n_bytes = write(folder / "report")
    return folder / "report", result, n_bytes, write
