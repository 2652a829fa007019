"""The share of words that are recognised."""

from speech_autoencoder.evaluation.metrics.metric import Measurement, Metric, WordPair, unweighted


def _measure_words(pair: WordPair) -> Measurement:
    """Return 1 where the word that was said was recognised, else 0."""
    return unweighted(float(pair.recognised == pair.said))


WORDS = Metric(
    key="words",
    heading="words recognised",
    higher_is_better=True,
    has_bars=True,
    pair=WordPair,
    measured_on="recordings",
    measure=_measure_words,
    of_each_recording=False,
    averaged_over="recordings",
    missing="no label, or a word that the recogniser does not know",
    measures="The share of words that a recogniser recognises: a small one trained on the original training "
    "recordings, or another one (`--recogniser`). It needs labels.",
    cannot_tell="Whole sentences; whatever the recogniser does not need to tell these words apart.",
)
