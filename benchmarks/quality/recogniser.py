"""The word recogniser of a benchmark, and how much it recognises of the originals."""

import argparse

from speech_autoencoder.audio.word_features import FEATURES
from speech_autoencoder.evaluation.words import WordRecogniser


def train_recogniser(args: argparse.Namespace) -> tuple[WordRecogniser | None, float | None]:
    """Train a recogniser of the words of the training recordings.

    Returns
    -------
    recogniser
        None if the words cannot be told from the names, or are too few.
    originals
        The share of the original testing recordings that it recognises correctly.
    """
    # After `start_backend`, which configures TensorFlow.
    from speech_autoencoder.training import word_recogniser

    recogniser = word_recogniser.train(args.training_dir, seed=args.seed)
    if not recogniser:
        return None, None
    words = word_recogniser.words_in(args.testing_dir, recogniser.labels)
    if not words:
        return None, None
    labels, waveforms = zip(*words, strict=True)
    return recogniser, word_recogniser.accuracy(recogniser, waveforms, sr=FEATURES.sr, labels=labels)


def print_originals(originals: float | None) -> None:
    """Print the share of the originals that the recogniser recognises, if there is a recogniser."""
    if originals is not None:
        print(f"Of the original testing recordings, the recogniser recognises {originals:.3f} correctly.\n")
