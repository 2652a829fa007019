"""A model as ONNX files, with what another program must know about them in their metadata; see docs/export.md."""

import json
from pathlib import Path
from typing import Any

from onnx import ModelProto, checker, helper

from speech_autoencoder import __version__
from speech_autoencoder.export import onnx_graphs, onnx_quantiser
from speech_autoencoder.model.architecture import context_latents
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.origin import KEY
from speech_autoencoder.script_names import PROGRAM
from speech_autoencoder.system.files import atomic_write

# What runs ONNX models has had these since 2021: ONNX Runtime since 1.7. Newer ones run them too.
OPSET = 13
_IR_VERSION = 7


def onnx_models(model: TrainedModel) -> dict[str, ModelProto]:
    """Return the encoder, the decoder and, of a codec, the quantiser and its inverse, by their names; all checked."""
    graphs = {"encoder": onnx_graphs.encoder(model.network), "decoder": onnx_graphs.decoder(model.network)}
    if model.entropy:
        graphs["quantiser"] = onnx_quantiser.quantiser(model.entropy)
        graphs["dequantiser"] = onnx_quantiser.dequantiser(model.entropy)
    properties = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata(model).items()}
    models = {}
    for name, graph in graphs.items():
        models[name] = helper.make_model(
            graph,
            producer_name=PROGRAM,
            producer_version=__version__,
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        helper.set_model_props(models[name], properties)
        checker.check_model(models[name], full_check=True)
    return models


def metadata(model: TrainedModel) -> dict[str, Any]:
    """Return what another program must know about the files and their features: docs/export.md explains each key."""
    config, source = model.config, model.description.get("source")
    found = {
        "features": model.features.to_json(),
        "frames": "1 + ceil(n_samples / hop_length); frame i is n_fft samples around sample i * hop_length, with zeros "
        "around the sound, times a periodic Hann window",
        "mel": "abs(rfft(frame)) times librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, norm=None), times 2 / "
        "sum(window)",
        "log_mel": "clip((20 * log10(mel + 10 ** (floor_db / 20)) - floor_db) / (ceiling_db - floor_db), 0, 1)",
        "frames_per_latent": config.frames_per_latent,
        "latent_size": config.latent_size,
        "latent_rate": model.latent_rate,
        "context_latents": context_latents(config),
        "fingerprint": model.fingerprint.hex(),
        "licence": model.licence,
        "source": source if isinstance(source, dict) else {},
        KEY: model.description.get(KEY) or {},
    }
    if model.entropy:
        found["qualities"] = model.entropy.n_qualities
        codec = model.description.get("codec")
        found["kbits"] = codec.get("latent_kbits", codec.get("kbits")) if isinstance(codec, dict) else None
    return found


def onnx_path(output: Path, name: str) -> Path:
    """Return the file of one of the models: of `model`, or of `model.onnx`, it is `model_encoder.onnx` and so on."""
    return output.with_name(f"{output.name.removesuffix('.onnx')}_{name}.onnx")


def write(path: Path, made: ModelProto) -> int:
    """Write an ONNX model, whole or not at all, and return its bytes.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    content = made.SerializeToString()
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return len(content)
