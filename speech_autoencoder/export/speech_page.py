"""A page to speak to: a model as one file for a browser, which works without a server and sends nothing.

The browser computes everything itself: log-mel, encoder, decoder and inversion are in JavaScript, in `templates`. What
the code needs to know, it gets from here as JSON, so that no number and no order of layers stands in two languages:
configurations, mel edges, the architecture, where in the weights each array is. Tests hold its results to numpy's.
"""

import base64
import math
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder import __version__
from speech_autoencoder.audio.between import HALFWAY
from speech_autoencoder.audio.griffin_lim import FOLLOWING_BINS, SETTLING_ROUNDS
from speech_autoencoder.audio.inversion import FITTING_ROUNDS
from speech_autoencoder.audio.log_mel import mel_edges_hz
from speech_autoencoder.audio.stft import LEAST_WEIGHT
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.architecture import INPUT_SCALE, Part, Residual, parts, weight_name
from speech_autoencoder.model.layers import EPSILON
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.pca import PCA
from speech_autoencoder.report import templating
from speech_autoencoder.report.recording_figure import SHOWN_DB
from speech_autoencoder.report.spectrograms import DIFFERENCE_COLOURS, DIFFERENCE_DB, LEVEL_COLOURS, palette
from speech_autoencoder.system.files import atomic_write, printable

MARK = templating.mark("page")
# What the page calls the model of model/shipped.
SHIPPED_NAME = "the one that comes with the program"
_TEMPLATES = Path(__file__).with_name("templates")
# The parts of the code: what runs in a thread of its own, and the page itself.
_WORKER_PARTS = ("fft", "log_mel", "inversion", "network", "worker")
_PAGE_PARTS = ("sources", "pictures", "player", "page")
# A copy of a recording of speechdata/testing, which a package that is installed does not have.
EXAMPLE = _TEMPLATES / "example.flac"
# Recordings are cut to this: every result is held in memory at once, and takes some seconds.
_LONGEST_S = 30.0
# What a model tells of its recordings is cut to this.
_MOST_CHARACTERS = 2_000
# Shorter ones have too few frames to be heard.
_SHORTEST_S = 0.1
# Recordings whose peak is below this are called silent.
_SILENT_DB = -60.0
# More of a file is not read: ten minutes of AAC in stereo take a browser a quarter of a gigabyte to decode.
_MOST_BYTES = 10_000_000


class _Weights:
    """Arrays as one block of float16, which takes half of the page that float32 would."""

    def __init__(self) -> None:
        self._blocks: list[np.ndarray] = []
        self._size = 0

    def add(self, name: str, array: np.ndarray) -> dict[str, int]:
        """Add an array, and return where it is, in values."""
        with np.errstate(over="ignore"):
            block = array.astype("<f2").ravel()
        if not np.isfinite(block).all():
            raise InputError(
                f"its {name} holds values beyond float16, in which a page has them: training did not "
                "converge, train again."
            )
        place = {"start": self._size, "size": block.size}
        self._blocks.append(block)
        self._size += block.size
        return place

    def to_base64(self) -> str:
        return _to_base64(np.concatenate(self._blocks).tobytes())


def write(path: Path, model: TrainedModel, name: str) -> int:
    """Write the page of a model, which it calls by the given name, and return its size in bytes.

    Raises
    ------
    InputError
        If the file cannot be written, or the model has weights beyond float16.
    """
    content = build(model, name).encode("utf-8")
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return len(content)


def build(model: TrainedModel, name: str) -> str:
    """Return the page's text."""
    weights = _Weights()
    features, inversion = model.features, InversionConfig()
    encoder, decoder = parts(model.config)
    description = {
        "features": features.to_json(),
        "inversion": inversion.to_json(),
        "mel_edges_hz": mel_edges_hz(features).round(6).tolist(),  # the last digits depend on the processor
        "frames_per_latent": model.config.frames_per_latent,
        "latent_size": model.config.latent_size,
        "n_channels": model.config.n_channels,
        "parts": {part.name: _describe_part(part, model, weights) for part in (encoder, decoder)},
        "pca": _describe_pca(model.baseline, weights),
        "constants": {
            "input_scale": INPUT_SCALE,
            "epsilon": EPSILON,
            "least_weight": LEAST_WEIGHT,
            "fitting_rounds": FITTING_ROUNDS,
            "settling_rounds": SETTLING_ROUNDS,
            "following_bins": FOLLOWING_BINS,
            "halfway": HALFWAY,
        },
    }
    page = {
        "longest_s": _LONGEST_S,
        "shortest_s": _SHORTEST_S,
        "silent_db": _SILENT_DB,
        "most_bytes": _MOST_BYTES,
        "shown_db": SHOWN_DB,
        "difference_db": DIFFERENCE_DB,
        "level_colours": _to_base64(palette(LEVEL_COLOURS)),
        "difference_colours": _to_base64(palette(DIFFERENCE_COLOURS)),
    }
    return templating.fill_in(
        _TEMPLATES / "speech_page.html",
        style=templating.read_parts(templating.TEMPLATES / "base.css", _TEMPLATES / "speech_page.css"),
        script=_script(),
        rules={
            # The sounds that the page has computed, and its own code in a thread of its own (see worker.js): both have
            # no other address. No other page, file or server can be reached by one.
            "media-src": "blob:",
            "worker-src": "blob:",
        },
        mark=MARK,
        version=__version__,
        name=name,
        features=features,
        config=model.config,
        latent_rate=model.latent_rate,
        n_weights=model.network.n_weights,
        is_codec=model.entropy is not None,
        trained_on=list(filter(None, (_told(model, key) for key in ("recordings", "attribution")))),
        licence=_told(model, "licence"),
        rounds=inversion.griffin_lim_rounds,
        description=description,
        page=page,
        example=_to_base64(EXAMPLE.read_bytes()),
        weights=weights.to_base64(),
    )


def _script() -> str:
    """Return the page's code: what runs in the thread of its own is a function, whose text starts it."""
    worker, page = (
        templating.read_parts(*(_TEMPLATES / f"{name}.js" for name in names)) for names in (_WORKER_PARTS, _PAGE_PARTS)
    )
    return f'"use strict";\n\nfunction runWorker() {{\n{worker}\n}}\n\n{page}'


def _describe_part(part: Part, model: TrainedModel, weights: _Weights) -> dict[str, Any]:
    """Return the encoder or the decoder as the script interprets it, with its weights added to `weights`."""

    def describe(step: Any) -> dict[str, Any]:
        if isinstance(step, Residual):
            return {"layers": [describe(layer) for layer in step.layers]}
        names = [weight_name(part, step, weight) for weight in step.weights]
        places = [weights.add(name, model.network.weights[name]) for name in names]
        return {"kind": step.kind, "weights": places, "activation": step.activation}

    return {"paths": [[describe(step) for step in path] for path in part.paths]}


def _describe_pca(baseline: PCA, weights: _Weights) -> dict[str, Any]:
    """Return where the offset and the components of the PCA baseline are.

    `encode` and `decode` are the same components, scaled by their standard deviations: one of them, without its scale,
    projects blocks just as both do.
    """
    norms = np.linalg.norm(baseline.decode, axis=1, keepdims=True)
    return {
        "offset": weights.add("offset", baseline.offset),
        "components": weights.add("decode", baseline.decode / np.maximum(norms, math.ulp(1.0))),
    }


def _told(model: TrainedModel, key: str) -> str:
    """Return what a model tells of its recordings, "" if it tells nothing: whose they are must be said."""
    source = model.description.get("source")
    return printable(str(source.get(key, "")))[:_MOST_CHARACTERS] if isinstance(source, dict) else ""


def _to_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
