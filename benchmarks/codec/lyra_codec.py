"""Lyra v2: the SoundStream encoder, residual vector quantiser and GAN decoder that Google published with their weights.

They are TensorFlow Lite models, run by ai-edge-litert in a child process. A frame of 20 ms takes 4 bits for each stage
of the quantiser that is used, without any head.
"""

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.audio.resampling import fit_length
from speech_autoencoder.evaluation.codecs.codec import WIDE_HZ, ExternalCodec
from speech_autoencoder.evaluation.codecs.sixteen_bits import from_16_bits, to_16_bits
from speech_autoencoder.system import isolation
from speech_autoencoder.system.integers import ceil_div

NAME = "Lyra v2"
_PACKAGE = "ai_edge_litert"
_FILES = ("soundstream_encoder.tflite", "quantizer.tflite", "lyragan.tflite")
_STAGES = {"3.2": 16, "6": 30, "9.2": 46}  # by kbit/s
_BITS = 4  # of a stage
_FRAME = 320  # samples
_UNUSED = -1  # the index of a stage that is not used
_DELAY = 0  # samples
_LIMIT_S = 600  # for one segment; a second of sound takes some 20 ms


def is_installed(folder: Path) -> bool:
    """Return whether the library, and the weights in the folder, are there."""
    return find_spec(_PACKAGE) is not None and all((folder / name).is_file() for name in _FILES)


def make(folder: Path) -> ExternalCodec:
    """Return Lyra with the weights in a folder."""
    return ExternalCodec(
        key="lyra",
        name=NAME,
        package=_PACKAGE,
        settings=tuple(_STAGES),
        rates=(WIDE_HZ,),
        code=partial(_code, folder),
        delays=dict.fromkeys(_STAGES, _DELAY),
    )


def _code(folder: Path, bitrate: str, waveform: np.ndarray, sr: int) -> tuple[np.ndarray, float]:
    """Return (decoded, bytes) of Lyra."""
    n_frames, n_stages = ceil_div(len(waveform), _FRAME), _STAGES[bitrate]
    frames = from_16_bits(to_16_bits(fit_length(waveform, n_frames * _FRAME))).reshape(n_frames, 1, _FRAME)
    decoded = isolation.call(_through, folder, n_stages, frames, name="Lyra", limit_s=_LIMIT_S)
    return from_16_bits(to_16_bits(decoded)), n_frames * n_stages * _BITS / 8


def _through(folder: Path, n_stages: int, frames: np.ndarray) -> np.ndarray:
    """Return the decoded samples of frames (n_frames, 1, n_samples): what the child process runs."""
    encoder, quantiser, decoder = (_interpreter(folder / name) for name in _FILES)
    quantise, restore = (quantiser.get_signature_runner(name) for name in ("encode", "decode"))
    decoded = []
    for frame in frames:
        features = _run(encoder, frame)
        indices = quantise(input_frames=features, num_quantizers=np.array(n_stages, np.int32))["output_0"]
        indices[n_stages:] = _UNUSED
        decoded.append(_run(decoder, restore(encoding_indices=indices)["output_0"]))
    return np.concatenate(decoded, axis=None)


def _interpreter(path: Path) -> Any:
    """Return a new interpreter of a model: encoder and decoder keep a state, which no call resets."""
    from ai_edge_litert.interpreter import Interpreter  # in the child alone: it is optional, and native code

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _run(interpreter: Any, values: np.ndarray) -> np.ndarray:
    """Return the output of a model with one input and one output."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
