"""Measure how fast a folder of recordings becomes train_data.npy: against librosa, and against a lower bound.

Run as a module, it is the loop of librosa, to be timed as a process.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.running import ROOT
from benchmarks.speed.material import Material
from benchmarks.speed.timing import Row, best_seconds, compare, run_python
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.log_mel import hann, normalise
from speech_autoencoder.audio.reading import read
from speech_autoencoder.cli.options import to_path
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data import analysis, dataset
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.system.files import atomic_write

TOLERANCE_DB = 1e-3  # the most by which ours and librosa's may differ
_MOST_RECORDINGS = 400  # that are analysed on one core


def rows(material: Material, times: int, workers: Sequence[int]) -> Iterator[Row]:
    """Yield the generator as a process against librosa's loop, which must agree, and its cost on one core."""
    folder, audio_dir = material.folder, material.args.training_dir.resolve()
    mine, theirs = folder / "features.npy", folder / "librosa.npz"

    def generate(n_workers: int) -> None:
        for path in (mine, mine.with_suffix(".json")):
            path.unlink(missing_ok=True)
        options = ("--output", mine, "--workers", n_workers, "--quiet")
        run_python(ROOT / "train_data_generator.py", "--audio-dir", audio_dir, *options)

    loop = partial(run_python, "-m", "benchmarks.speed.features", audio_dir, theirs)
    *ours, librosa = best_seconds([*(partial(generate, n) for n in workers), loop], times)
    difference = most_difference_db(dataset.load(mine, ""), theirs)
    if difference > TOLERANCE_DB:
        raise SystemExit(f"The generator and librosa differ by {difference:.4f} dB, more than {TOLERANCE_DB} dB.")
    n = len(find_recordings(audio_dir))
    for n_workers, seconds in zip(workers, ours, strict=True):
        note = f"{n:,} recordings, {n / seconds:,.0f} a second; they differ by {difference:.5f} dB at most"
        stage = f"features, whole process, {n_workers} worker{'s' if n_workers > 1 else ''}"
        least = 10 if n_workers == 2 else None
        yield compare(stage, "a loop of librosa", "s", ours=seconds, theirs=librosa, least=least, note=note)
    yield one_core_row(audio_dir, times)


def one_core_row(audio_dir: Path, times: int) -> Row:
    """Return the CPU seconds of features on one core against decoding, resampling and one rfft alone."""
    from threadpoolctl import threadpool_limits

    names = find_recordings(audio_dir)
    names = names[:: max(1, len(names) // _MOST_RECORDINGS)]
    recordings = Recordings(audio_dir, names)
    together = list(analysis.together(recordings, CLASSIC))
    with threadpool_limits(1):
        ours, bound = best_seconds(
            [
                lambda: [analysis.analyse(recordings, some, CLASSIC) for some in together],
                lambda: _lower_bound(audio_dir, names),
            ],
            times + 2,
            time.process_time,
        )
    parts = "soundfile + soxr + one rfft"
    note = f"{1e3 * ours / len(names):.2f} ms a recording, {ours / bound:.2f} times {parts}"
    against = f"1.3 times {parts}"
    return compare("the same, one core", against, "s", ours=ours, theirs=1.3 * bound, least=1, note=note)


def _lower_bound(audio_dir: Path, names: list[str]) -> None:
    """Decode, resample and transform recordings in the shortest way."""
    import scipy.fft
    import soundfile as sf
    import soxr

    for name in names:
        waveform, sr = sf.read(audio_dir / name, dtype="float32")
        waveform = soxr.resample(waveform if waveform.ndim == 1 else waveform.mean(axis=1), sr, CLASSIC.sr)
        waveform = np.pad(waveform, CLASSIC.n_fft // 2 + CLASSIC.hop_length // 2)
        frames = np.lib.stride_tricks.sliding_window_view(waveform, CLASSIC.n_fft)[:: CLASSIC.hop_length]
        scipy.fft.rfft(frames * hann(CLASSIC.n_fft), axis=-1)


def most_difference_db(data: dataset.Dataset, path: Path) -> float:
    """Return the largest difference in dB between the array's log-mels and those of librosa's magnitudes in path.

    Recordings with an offset are not compared: librosa keeps it.
    """
    with np.load(path) as file:
        all_theirs, lengths = file["mel"], file["lengths"]
    worst, start = 0.0, 0
    for i, length in enumerate(lengths):
        theirs = normalise(all_theirs[:, start : start + length], data.features)
        start += length
        if _has_offset(data.path(i)):
            continue
        worst = max(worst, float(np.abs(data.frames(i)[:, :length] - theirs).max()) * data.features.range_db)
    return worst


def _has_offset(path: Path) -> bool:
    """Return whether an offset is removed from the recording when it is read."""
    import soundfile as sf

    return abs(float(read(path).mean() - sf.read(path, dtype="float32", always_2d=True)[0].mean())) > 1e-6


def librosa_loop(audio_dir: Path, output: Path) -> None:
    """Write the magnitude mel of every recording to output, as a user of librosa would compute it."""
    # Here, as the generator's side imports this module too.
    import librosa

    mels = []
    for name in find_recordings(audio_dir):
        waveform, _ = librosa.load(audio_dir / name, sr=CLASSIC.sr)
        mel = librosa.feature.melspectrogram(
            y=waveform,
            sr=CLASSIC.sr,
            n_fft=CLASSIC.n_fft,
            hop_length=CLASSIC.hop_length,
            n_mels=CLASSIC.n_mels,
            power=1,
            norm=None,
        )
        mels.append(mel)
    lengths = [mel.shape[1] for mel in mels]
    with atomic_write(output) as temporary:
        np.savez(temporary, mel=np.concatenate(mels, axis=1) * (2 / hann(CLASSIC.n_fft).sum()), lengths=lengths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio_dir", type=to_path, help="folder of recordings")
    parser.add_argument("output", type=to_path, help=".npz to write")
    args = parser.parse_args()
    librosa_loop(args.audio_dir, args.output)


if __name__ == "__main__":
    main()
