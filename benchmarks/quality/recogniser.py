"""The recognisers of a benchmark, of words and speakers, and how much they recognise of the originals."""

import argparse
from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from benchmarks.quality.segments import join_segments, segments_of
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read
from speech_autoencoder.data.building import most_common_rate
from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics.metric import Sound, SoundPair
from speech_autoencoder.evaluation.metrics.recognition import SPEAKERS, WORDS
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.recognition import speakers
from speech_autoencoder.evaluation.recognition.recogniser import Recognition, recognised

# {column of a table: what is recognised}
Recognitions = Mapping[str, Recognition]


def train_recognisers(args: argparse.Namespace) -> tuple[Recognitions, dict[str, float]]:
    """Train recognisers of the words and the speakers of the training recordings, all of them.

    Returns
    -------
    recognitions
        Of the testing recordings; without what the names do not tell, or of which there is too little.
    originals
        What the original testing recordings score: the shares that are recognised, by the same keys, and the metrics of
        `--also` that do not compare.
    """
    # After `start_backend`, which configures TensorFlow.
    from speech_autoencoder.training import word_recogniser

    names = find_recordings(args.testing_dir)
    told = understand(names)
    found = {}
    of_words = word_recogniser.train(args.training_dir, seed=args.seed)
    if of_words:
        found["digits"] = Recognition(WORDS.key, of_words, dict(zip(names, told.labels, strict=True)))
    of_speakers = _train_on_speakers(args, set(told.speakers))
    if of_speakers:
        found["speakers"] = Recognition(SPEAKERS.key, of_speakers, dict(zip(names, told.speakers, strict=True)))
    waveforms = {}
    for name in names:
        with suppress(InputError):
            waveforms[name] = read(args.testing_dir / name, speakers.SR)
    sounds = [*waveforms.values()]
    right = {key: recognised(each, sounds, [*waveforms], sr=speakers.SR) for key, each in found.items()}
    right = {key: values for key, values in right.items() if len(values)}
    originals = {key: float(np.mean(values)) for key, values in right.items()}
    return {key: found[key] for key in right}, originals | _score_alone(args, names)


def _score_alone(args: argparse.Namespace, names: list[str]) -> dict[str, float]:
    """Return the means of the metrics of `--also` that do not compare, over segments of the recordings."""
    metrics = [METRICS[key] for key in getattr(args, "also", ()) if METRICS[key].of_originals]
    metrics = [metric for metric in metrics if metric.is_installed()]
    if not metrics:
        return {}
    sr = most_common_rate(args.testing_dir)
    waveforms = [read(args.testing_dir / name, sr) for name in names]
    segments = segments_of(names, [len(waveform) / sr for waveform in waveforms])
    sounds = [Sound(joined, sr) for joined in join_segments(waveforms, segments, sr)]
    return {
        metric.key: float(np.nanmean([metric.measure(SoundPair(sound, sound)).value for sound in sounds]))
        for metric in metrics
    }


def _train_on_speakers(args: argparse.Namespace, wanted: set[str]) -> speakers.SpeakerRecogniser | None:
    """Return a recogniser of the training recordings' speakers, None if nobody wanted is among them."""
    names = find_recordings(args.training_dir)
    told = understand(names).speakers
    recordings = []
    for i in speakers.choose(told, wanted):
        with suppress(InputError):
            recordings.append((told[i], read(args.training_dir / names[i], speakers.SR)))
    return speakers.train(recordings, seed=args.seed)


def print_originals(originals: Mapping[str, float]) -> None:
    """Print what the originals score, if anything is known."""
    if originals:
        scores = ", ".join(f"{key} {score:.3f}" for key, score in originals.items())
        print(f"The original testing recordings: {scores}.\n")
