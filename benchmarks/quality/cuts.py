"""Whether it is heard where a recording begins, or where its latent was found in parts: python -m benchmarks.quality.cuts

Every testing recording is reconstructed as it is and after some samples of silence, which are cut off again: the scores
must not care. Then all of them are one long recording, whose error is compared at the joins of parts and elsewhere.
Needs a model and an array made by the scripts: --model and --data.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.quality.hearing import in_16_bits
from benchmarks.quality.scoring import segments_of, summary, values_of
from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.reading import read
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct, to_waveform
from speech_autoencoder.codec.streaming import PART_FRAMES
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.data import dataset
from speech_autoencoder.model import model_file
from speech_autoencoder.system.processors import available_cpus


def shifted(encoder: Encoder, waveforms: list[np.ndarray], n_samples: int, *, workers: int) -> list[np.ndarray]:
    """The reconstructions of waveforms at the features' rate that began n_samples later."""
    features = encoder.model.features

    def sound(waveform):
        frames = reconstruct(encoder, log_mel(np.pad(waveform, (n_samples, 0)), features))
        blocks = to_waveform([frames], features, InversionConfig(), features.sr, n_samples + len(waveform))
        return in_16_bits(np.concatenate(list(blocks)))[n_samples:]

    with ThreadPoolExecutor(workers) as executor:
        return list(executor.map(sound, waveforms))


def error_at_joins(encoder: Encoder, waveforms: list[np.ndarray]) -> tuple[float, float, int]:
    """(RMS log-mel error in dB within one latent of a join of parts, elsewhere, the count of joins)."""
    config, features = encoder.model.config, encoder.model.features
    frames = log_mel(np.concatenate(waveforms), features)
    squares = np.mean((reconstruct(encoder, frames) - frames) ** 2, axis=0)
    part, step = PART_FRAMES, config.frames_per_latent
    joins = np.arange(part, len(squares), part)
    near = np.abs(np.arange(len(squares))[:, None] - joins).min(axis=1) < step
    near_db, else_db = (features.range_db * float(np.sqrt(squares[which].mean())) for which in (near, ~near))
    return near_db, else_db, len(joins)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("my_model_for_many_data.h5"))
    parser.add_argument("--data", type=Path, default=Path("test_data.npy"))
    parser.add_argument("--shifts", type=int, nargs="+", default=[0, 100, 333, 777, 2_500], help="samples")
    parser.add_argument("--workers", type=int, default=available_cpus())
    args = parser.parse_args()
    data, encoder = dataset.load(args.data, ""), Encoder(model_file.load(args.model), LatentSearchConfig())
    sr = encoder.model.features.sr
    waveforms = [read(data.path(i), sr) for i in range(len(data.names))]
    common = {"names": data.names, "sr": sr, "recogniser": None, "workers": args.workers}
    common["strings"] = segments_of(data.names, data.n_samples / data.sr)
    print("| began later by, samples | STOI | ESTOI | PESQ-NB |\n|---|---|---|---|")
    with blas_threads(1):
        for n_samples in args.shifts:
            scores, _ = summary(
                [values_of(waveforms, shifted(encoder, waveforms, n_samples, workers=args.workers), **common)]
            )
            cells = [f"{scores[key]:.4f}" if scores.get(key) else "-" for key in ("stoi", "estoi", "pesq_nb")]
            print(f"| {n_samples} | " + " | ".join(cells) + " |", flush=True)
        near_db, else_db, n_joins = error_at_joins(encoder, waveforms)
    print(f"\nLog-mel error at {n_joins} joins of parts: {near_db:.2f} dB; elsewhere: {else_db:.2f} dB.")


if __name__ == "__main__":
    main()
