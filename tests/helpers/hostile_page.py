"""A page whose recordings have hostile names, for the tests of what is written and of what a browser makes of it."""

import soundfile as sf

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
from speech_autoencoder.data import building, dataset
from speech_autoencoder.evaluation import evaluation, leakage, rates, verdict
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


def make_page(folder, trained, small_arrays):
    """(folder of the report, result, findings, bytes) of recordings with hostile names, and what makes it again."""
    for number, name in enumerate(HOSTILE):
        path = folder / "audio" / f"<b>{number % 2}<b>" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, make_speech(SR // 2 + 1_000 * number, SR, seed=number), SR)
    building.build(folder / "audio", folder / "data.npy", CLASSIC, workers=2)
    data = dataset.load(folder / "data.npy", "")
    encoder = Encoder(trained[0].model, LatentSearchConfig(steps=0))
    result = evaluation.evaluate(data, encoder, QUICK, workers=2)
    model = trained[0].model
    result["rates"] = rates.measure(result, data, model, QUICK, workers=2)
    description = {"model": model.config.to_json(), "features": model.features.to_json(), **model.description}
    facts = leakage.find(small_arrays[0], data) | evaluation.compare(small_arrays[0], data, encoder)
    findings = verdict.judge(result, description, facts)

    def write(target, **changes):
        arguments = {"result": result, "model": description, "findings": findings, "workers": 2} | changes
        return page.write(target, dataset=data, encoder=encoder, inversion=QUICK, **arguments)

    size = write(folder / "report")
    return folder / "report", result, findings, size, write
