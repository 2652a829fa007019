"""The shares of recordings whose word, or whose speaker, is recognised."""

from speech_autoencoder.evaluation.metrics.metric import LabelPair, Measurement, Metric, unweighted


def _is_recognised(pair: LabelPair) -> Measurement:
    """Return 1 where the right label was recognised, else 0."""
    return unweighted(float(pair.recognised == pair.label))


WORDS = Metric(
    key="words",
    heading="words recognised",
    higher_is_better=True,
    has_bars=True,
    pair=LabelPair,
    measured_on="recordings",
    measure=_is_recognised,
    of_each_recording=False,
    of_originals=True,
    averaged_over="recordings",
    missing="no label, or a word that the recogniser does not know",
    measures="The share of words that a recogniser recognises: a small one trained on the original training "
    "recordings, or another one (`--recogniser`). It needs labels.",
    cannot_tell="Whole sentences; whatever the recogniser does not need to tell these words apart.",
)
SPEAKERS = Metric(
    key="speakers",
    heading="speakers recognised",
    higher_is_better=True,
    has_bars=True,
    in_figure=True,
    pair=LabelPair,
    measured_on="recordings",
    measure=_is_recognised,
    of_each_recording=False,
    of_originals=True,
    averaged_over="recordings",
    missing="no known speaker, or one who is not in training",
    measures="The share of recordings whose speaker is recognised, by a small recogniser of voices that is trained on "
    "the original training recordings. It needs speakers who are in training and in testing.",
    cannot_tell="Speakers who are not in training; whatever the recogniser does not need to tell these voices apart. "
    "Speakers who say other words, or in another language, are easier to tell.",
)
