"""Measure whether it matters where a recording begins, and whether the joins of a long recording's parts are worse.

    python -m benchmarks.quality.shifts_and_joins --shifts 0 777

makes the numbers of docs/quality.md, "Shifted recordings and long recordings", with a model and an array that the
scripts made (--model, --data). Every testing recording is reconstructed after some samples of silence, which are cut
off again: the scores must not change. Then all of them are one long recording, whose error at the joins of its parts
is compared with the error elsewhere.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.options import make_parser
from benchmarks.quality.intervals import summarise
from benchmarks.quality.scoring import in_16_bits, values_of
from benchmarks.quality.segments import segments_of
from benchmarks.tables import heading, line
from speech_autoencoder.audio.log_mel import log_mel
from speech_autoencoder.audio.reading import read
from speech_autoencoder.cli.options import to_path
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct, to_waveform
from speech_autoencoder.codec.streaming import PART_FRAMES
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.data import dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file
from speech_autoencoder.system.processors import available_cpus


def reconstruct_shifted(
    encoder: Encoder, waveforms: list[np.ndarray], n_samples: int, *, workers: int
) -> list[np.ndarray]:
    """Return the reconstructions of waveforms, at the features' rate, that began n_samples later."""
    features = encoder.model.features

    def sound(waveform: np.ndarray) -> np.ndarray:
        frames = reconstruct(encoder, log_mel(np.pad(waveform, (n_samples, 0)), features))
        blocks = to_waveform([frames], features, InversionConfig(), features.sr, n_samples + len(waveform))
        return in_16_bits(np.concatenate(list(blocks)))[n_samples:]

    with ThreadPoolExecutor(workers) as executor:
        return list(executor.map(sound, waveforms))


def error_at_joins(encoder: Encoder, waveforms: list[np.ndarray]) -> tuple[float, float, int]:
    """Return (RMS log-mel error in dB within one latent of a join of parts, elsewhere, the number of joins)."""
    config, features = encoder.model.config, encoder.model.features
    frames = log_mel(np.concatenate(waveforms), features)
    squares = np.mean((reconstruct(encoder, frames)[: len(frames)] - frames) ** 2, axis=0)
    joins = np.arange(PART_FRAMES, len(squares), PART_FRAMES)
    if not len(joins):
        raise InputError(f"The recordings have {len(squares)} frames, one part has {PART_FRAMES}: use more recordings.")
    near = np.abs(np.arange(len(squares))[:, None] - joins).min(axis=1) < config.frames_per_latent
    near_db, else_db = (features.range_db * float(np.sqrt(squares[which].mean())) for which in (near, ~near))
    return near_db, else_db, len(joins)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--model", type=to_path, default=Path("my_model_for_many_data.h5"), help="a trained model")
    parser.add_argument("--data", type=to_path, default=Path("test_data.npy"), help="the array of the recordings")
    parser.add_argument("--shifts", type=int, nargs="+", default=[0, 100, 333, 777, 2_500], help="in samples")
    parser.add_argument("--workers", type=int, default=available_cpus(), help="threads")
    args = parser.parse_args()
    data, encoder = dataset.load(args.data, ""), Encoder(model_file.load(args.model), LatentSearchConfig())
    sr = encoder.model.features.sr
    waveforms = [read(data.path(i), sr) for i in range(len(data.names))]
    segments = segments_of(data.names, data.n_samples / data.sr)
    print(heading(["began later by, samples", "STOI", "ESTOI", "PESQ-NB"]), flush=True)
    with blas_threads(1):
        for n_samples in args.shifts:
            estimates = reconstruct_shifted(encoder, waveforms, n_samples, workers=args.workers)
            values = values_of(waveforms, estimates, names=data.names, sr=sr, segments=segments, workers=args.workers)
            scores, _ = summarise([values])
            cells = [f"{scores[key]:.4f}" if scores.get(key) else "-" for key in ("stoi", "estoi", "pesq_nb")]
            print(line([str(n_samples), *cells]), flush=True)
        near_db, else_db, n_joins = error_at_joins(encoder, waveforms)
    print(f"\nLog-mel error at {n_joins} joins of parts: {near_db:.2f} dB; elsewhere: {else_db:.2f} dB.")


if __name__ == "__main__":
    run_main(main)
