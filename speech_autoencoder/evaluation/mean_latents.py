"""What the mean latent of a recording is good for: linear probes of its speaker and word, and its place on a map.

A probe is a linear classifier of what a network keeps (Alain and Bengio, 2017). The network was trained without labels:
what the probe tells of recordings that it was not fitted on, the latents hold in a form that is easy to use. Needs
scikit-learn.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

import numpy as np
from threadpoolctl import threadpool_limits

from speech_autoencoder.evaluation import bootstrap
from speech_autoencoder.evaluation.bootstrap import Cluster
from speech_autoencoder.evaluation.metrics.recognition import WORDS
from speech_autoencoder.evaluation.results import Probe
from speech_autoencoder.evaluation.systems import COPY_SYNTHESIS, MODEL, PCA
from speech_autoencoder.system.extras import install_command

# What is probed: the key, the system that keeps it, and its name.
INPUTS = {"model": MODEL, "pca": PCA, "log_mel": COPY_SYNTHESIS}
INPUT_TITLES = {"model": MODEL.title, "pca": PCA.title, "log_mel": "mean log-mel"}
# What is told of a recording: the key, and in words.
SPEAKER, WORD, WORD_OF_NEW_SPEAKERS = "speaker", "word", "word_of_new_speakers"
TARGET_TITLES = {SPEAKER: "speaker", WORD: "word", WORD_OF_NEW_SPEAKERS: "word of new speakers"}

_N_FOLDS = 5
# Recordings, from as many files, that each speaker or word needs: one in each fold.
_LEAST_EACH = _N_FOLDS
# Speakers who must say a word for it to be told of new speakers.
_LEAST_SPEAKERS = 3
# Bounds of the time: the speakers or words with the most recordings, and recordings of these, evenly chosen.
_MOST_CLASSES = 100
_MOST_RECORDINGS = 2_000
# Recordings on the map, evenly chosen: each is a point to click at, and a file of sound.
_MOST_PLACED = 300
# Fewer are no map.
_LEAST_PLACED = 5
# The neighbours of each point, as t-SNE's authors suggest; fewer on a small map.
_PERPLEXITY = 30.0
# Far more than the regression takes.
_MOST_ITERATIONS = 1_000
# The bootstrap treats a share of right answers as it does that of recognised words.
_SHARE = WORDS.key


def probe(
    means: Mapping[str, np.ndarray],
    speakers: Sequence[str],
    words: Sequence[str],
    *,
    files: Sequence[int],
    segments: Sequence[int],
) -> dict[str, Probe]:
    """Return how well linear probes tell the speaker and the word of recordings, by the keys of TARGET_TITLES.

    Each probe is fitted on some of the recordings and tried on the others, in turn (cross-validation). Recordings from
    one file are on one side; for the word of new speakers, those of one speaker.

    Parameters
    ----------
    means
        The mean (n_recordings, size) of what each system keeps, by the keys of INPUTS.
    speakers, words
        Of each recording, "" where unknown.
    files
        A number for the contents of the file that each is from.
    segments
        The segment of each, which the bootstrap draws as a whole.
    """
    found: dict[str, Probe] = {}
    for key, noun, targets, groups, least, each in (
        (SPEAKER, "speaker", speakers, files, _LEAST_EACH, f"recordings from {_LEAST_EACH} files"),
        (WORD, "word", words, files, _LEAST_EACH, f"recordings from {_LEAST_EACH} files"),
        (WORD_OF_NEW_SPEAKERS, "word", words, speakers, _LEAST_SPEAKERS, f"{_LEAST_EACH} recordings by 3 speakers"),
    ):
        chosen = _choose(targets, groups, least)
        if not any(targets):
            found[key] = Probe(reason=f"no {noun} is known")
        elif not len(chosen):
            found[key] = Probe(reason=f"fewer than two {noun}s have {each} each")
        elif find_spec("sklearn") is None:
            found[key] = Probe(reason=f"scikit-learn is not installed: {install_command('sklearn')} adds it")
        else:
            inputs = {name: np.asarray(mean, np.float64)[chosen] for name, mean in means.items()}
            columns = (np.array(column)[chosen] for column in (targets, groups, speakers, segments))
            found[key] = _cross_validate(inputs, *columns)
    return found


def _choose(targets: Sequence[str], groups: Sequence[str | int], least_groups: int) -> np.ndarray:
    """Return recordings (indices) of the targets that can be told: those with enough recordings, in enough groups."""
    members: dict[str, list[int]] = {}
    for i, (target, group) in enumerate(zip(targets, groups, strict=True)):
        if target and group != "":
            members.setdefault(target, []).append(i)
    enough = {
        target: which
        for target, which in members.items()
        if len(which) >= _LEAST_EACH and len({groups[i] for i in which}) >= least_groups
    }
    if len(enough) < 2:
        return np.empty(0, int)
    largest = sorted(enough, key=lambda target: (-len(enough[target]), target))[:_MOST_CLASSES]
    most = _MOST_RECORDINGS // len(largest)
    return np.sort(np.concatenate([_evenly(enough[target], most) for target in largest]))


def _evenly(items: Sequence[int], most: int) -> np.ndarray:
    """Return at most so many items, evenly over all."""
    return np.array(items)[np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)]


def _cross_validate(
    inputs: Mapping[str, np.ndarray],
    targets: np.ndarray,
    groups: np.ndarray,
    speakers: np.ndarray,
    segments: np.ndarray,
) -> Probe:
    """Return how often the target of a recording is told of each of the inputs, (n_recordings, size)."""
    from sklearn.model_selection import StratifiedGroupKFold  # not part of every installation

    n_folds = min(_N_FOLDS, len(set(groups)))
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=bootstrap.SEED)
    splits = [*folds.split(targets, targets, groups)]
    n_values = min(mean.shape[1] for mean in inputs.values())
    is_right = {key: np.zeros(len(targets), bool) for key in inputs}
    with threadpool_limits(1):  # the products are small
        for fitted, tried in splits:
            for key, mean in inputs.items():
                told = _tell(mean[fitted], targets[fitted], mean[tried], n_values)
                is_right[key][tried] = told == targets[tried]
    parts = [segments == segment for segment in np.unique(segments)]
    clusters = [
        Cluster(
            str(speakers[part][0]),
            {key: {_SHARE: (float(right[part].sum()), float(part.sum()))} for key, right in is_right.items()},
        )
        for part in parts
    ]
    accuracy = {key: float(right.mean()) for key, right in is_right.items()}
    intervals = bootstrap.intervals(clusters, [*inputs], [_SHARE])
    return Probe(
        n_recordings=len(targets),
        n_classes=len(set(targets)),
        n_folds=n_folds,
        n_values=n_values,
        chance=max(Counter(targets.tolist()).values()) / len(targets),
        accuracy=accuracy,
        # Of few segments, draws tell nothing.
        intervals={
            key: intervals[key][_SHARE] or bootstrap.exact_interval(right.sum(), len(right))
            for key, right in is_right.items()
        },
        differences={
            key: bootstrap.differences(clusters, MODEL.key, key, [_SHARE])[_SHARE] for key in inputs if key != MODEL.key
        },
    )


def _tell(known: np.ndarray, targets: np.ndarray, unknown: np.ndarray, n_values: int) -> np.ndarray:
    """Return the targets (k,) that a probe fitted on known vectors (n, size) tells of unknown ones (k, size).

    What has more than n_values is reduced to its first principal components. Then every input is treated alike: each
    value is standardised, and multinomial logistic regression, with a penalty that is the same for all, is fitted.
    """
    from sklearn.decomposition import PCA as PrincipalComponents
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(set(targets)) < 2:  # all others are said by the speakers that are left out
        return np.full(len(unknown), targets[0])
    is_larger = known.shape[1] > n_values
    reduction = [PrincipalComponents(min(n_values, len(known) - 1), svd_solver="full")] if is_larger else []
    pipeline = make_pipeline(*reduction, StandardScaler(), LogisticRegression(max_iter=_MOST_ITERATIONS))
    with np.errstate(invalid="ignore"):  # of vectors that are all the same, the share of variance is 0 / 0
        return pipeline.fit(known, targets).predict(unknown)


def place(means: Mapping[int, np.ndarray]) -> dict[int, list[float]]:
    """Return where recordings are on a map on which similar mean vectors are neighbours.

    By t-SNE (van der Maaten and Hinton, 2008), which starts at the principal components and knows no speakers or words.
    Distances between groups, and their sizes, mean nothing.

    Parameters
    ----------
    means
        The mean vector (size,) of each recording.

    Returns
    -------
    dict
        {recording: [x, y]} in [0, 1], of at most 300 recordings, evenly chosen; none if there are fewer than five,
        if all are the same, or without scikit-learn.
    """
    chosen = _evenly(sorted(means), _MOST_PLACED).tolist() if means else []
    vectors = np.array([means[i] for i in chosen], np.float64)
    if len(chosen) < _LEAST_PLACED or not np.ptp(vectors, axis=0).any():
        return {}
    try:
        from sklearn.manifold import TSNE  # as above
    except ModuleNotFoundError:
        return {}
    with threadpool_limits(1):  # how sums are split among threads changes their last bits, and with them the map
        tsne = TSNE(init="pca", perplexity=min(_PERPLEXITY, (len(chosen) - 1) / 3), random_state=bootstrap.SEED)
        places = tsne.fit_transform(vectors).astype(np.float64)
    places -= places.min(axis=0)
    places += (places.max() - places.max(axis=0)) / 2  # one scale for both axes, and the map in the middle
    return dict(zip(chosen, (places / places.max()).round(4).tolist(), strict=True))
