"""How fast a folder of recordings becomes train_data.npy: against librosa, and against what it cannot do without."""

import argparse
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.running import ROOT
from benchmarks.speed.timing import Row, compared, in_turns, process
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.log_mel import hann, normalise
from speech_autoencoder.audio.reading import read
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data import analysis, dataset
from speech_autoencoder.system.files import atomic_write

# The most that the two may differ, in dB.
TOLERANCE_DB = 1e-3


def rows(material, times: int, workers: tuple[int, ...]) -> Iterator[Row]:
    """The generator as a process against librosa's loop, which must agree; and per core against the floor."""
    folder, audio_dir = material.folder, material.args.training_dir.resolve()
    mine, theirs = folder / "features.npy", folder / "librosa.npz"

    def generate(n_workers):
        for path in (mine, mine.with_suffix(".json")):
            path.unlink(missing_ok=True)
        options = ("--output", mine, "--workers", n_workers, "--quiet")
        process(ROOT / "train_data_generator.py", "--audio-dir", audio_dir, *options)

    loop = partial(process, "-m", "benchmarks.speed.features", audio_dir, theirs)
    *ours, librosa = in_turns([*(partial(generate, n) for n in workers), loop], times)
    difference = most_difference_db(dataset.load(mine, ""), theirs)
    if difference > TOLERANCE_DB:
        raise SystemExit(f"The generator and librosa differ by {difference:.4f} dB, more than {TOLERANCE_DB} dB.")
    n = len(find_recordings(audio_dir))
    for n_workers, seconds in zip(workers, ours, strict=True):
        note = f"{n:,} recordings, {n / seconds:,.0f} a second; they differ by {difference:.5f} dB at most"
        stage = f"features, whole process, {n_workers} worker{'s' if n_workers > 1 else ''}"
        yield compared(stage, "a loop of librosa", "s", seconds, librosa, 10 if n_workers == 2 else None, note)
    yield from floor_rows(audio_dir, times)


def floor_rows(audio_dir: Path, times: int, most: int = 400) -> Iterator[Row]:
    """CPU seconds of a recording's features against decoding, resampling and one rfft alone, one thread."""
    from threadpoolctl import threadpool_limits

    names = find_recordings(audio_dir)
    names = names[:: max(1, len(names) // most)]
    together = list(analysis.together(audio_dir, names))
    with threadpool_limits(1):
        ours, floor = in_turns(
            [
                lambda: [analysis.analyse(audio_dir, some, CLASSIC) for some in together],
                lambda: [_floor(audio_dir / name) for name in names],
            ],
            times + 2,
            time.process_time,
        )
    note = f"{1e3 * ours / len(names):.2f} ms a recording, {ours / floor:.2f} times the floor"
    yield compared("the same, one core", "1.3 times soundfile + soxr + one rfft", "s", ours, 1.3 * floor, 1, note)


def _floor(path):
    """Nothing; the recording was decoded, resampled and transformed, by the shortest way."""
    import scipy.fft
    import soundfile as sf
    import soxr

    waveform, sr = sf.read(path, dtype="float32")
    waveform = soxr.resample(waveform if waveform.ndim == 1 else waveform.mean(axis=1), sr, CLASSIC.sr)
    waveform = np.pad(waveform, CLASSIC.n_fft // 2 + CLASSIC.hop_length // 2)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, CLASSIC.n_fft)[:: CLASSIC.hop_length]
    scipy.fft.rfft(frames * hann(CLASSIC.n_fft), axis=-1)


def most_difference_db(data: dataset.Dataset, path: Path) -> float:
    """How far, at most, the array's log-mels are from those of librosa's magnitudes in path, in dB.

    But for recordings with an offset, which librosa keeps.
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


def _has_offset(path):
    """Whether an offset is taken off the recording when it is read."""
    import soundfile as sf

    return abs(float(read(path).mean() - sf.read(path, dtype="float32", always_2d=True)[0].mean())) > 1e-6


def librosa_loop(audio_dir: Path, output: Path) -> None:
    """Nothing; output holds the magnitude mel of every recording, as a user of librosa would have made it."""
    import librosa

    mels = []
    for name in find_recordings(audio_dir):
        waveform, _ = librosa.load(audio_dir / name, sr=CLASSIC.sr)
        mels.append(
            librosa.feature.melspectrogram(
                y=waveform,
                sr=CLASSIC.sr,
                n_fft=CLASSIC.n_fft,
                hop_length=CLASSIC.hop_length,
                n_mels=CLASSIC.n_mels,
                power=1,
                norm=None,
            )
        )
    lengths = [mel.shape[1] for mel in mels]
    with atomic_write(output) as temporary:
        np.savez(temporary, mel=np.concatenate(mels, axis=1) * (2 / hann(CLASSIC.n_fft).sum()), lengths=lengths)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The loop of librosa, to be timed as a process.")
    parser.add_argument("audio_dir", type=Path)
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    librosa_loop(args.audio_dir, args.output)
