"""Batches of sequences: recordings one after another, with short silences between, cut to one length."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from speech_autoencoder.audio.between import beyond_interpolation, in_time_order, with_between
from speech_autoencoder.audio.log_mel import join_clips
from speech_autoencoder.config import FeatureConfig, ModelConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.model.architecture import encoder_depth, shapes
from speech_autoencoder.model.losses import LogMelDistance
from speech_autoencoder.script_names import TRAIN_DATA_GENERATOR
from speech_autoencoder.system.files import printable
from speech_autoencoder.system.integers import ceil_div
from speech_autoencoder.system.parallel import in_order
from speech_autoencoder.training.augmentation import Variation, draw, vary

# Steps of an epoch: a large corpus is seen in parts, so that validation and checkpoints come often enough.
MOST_STEPS = 500
_CLIPS_PER_SEQUENCE = 2
# Clips of a recording that stay together: pieces of a long recording are mixed with others.
_CLIPS_PER_PIECE = 4
# The probability, for a codec, of a long silence after a piece.
_SILENCE_PROBABILITY = 1 / 32
# The length of a long silence, from and below, in latents.
_SILENCE_LATENTS = (16, 48)
# The probability, where frames between are known, that the encoder is not given those of a piece: the latent of a clip
# alone must be of use as well.
_UNSEEN_PROBABILITY = 1 / 4
# Recordings that a message names.
_MOST_NAMED = 3
# What training takes apart from its batches (docs/experiments.md): TensorFlow, and for each weight of the network its
# gradients, the optimiser, averages, and the copies that the checkpoint is written from.
_BASE_BYTES = 772_000_000
_BYTES_PER_WEIGHT = 56
# Values that a residual block keeps for its gradient, in units of its width, for each frame at its resolution.
_VALUES_PER_BLOCK = 5
# What the loss keeps for each frame: log-mels and envelopes.
_LOSS_BYTES_PER_FRAME = 12_000
# What a codec takes, relative to a model without one.
_CODEC_SHARE = 1.1


class Batch(NamedTuple):
    """Sequences of frames.

    Attributes
    ----------
    clips : np.ndarray
        Normalised log-mel (n, n_mels, width, 1). For a network that has frames between, (n, 3 * n_mels, width, 1): the
        frames; those between; and what the encoder is given of these, see `model.architecture`.
    mask : np.ndarray
        (n, 1, width, 1), 1 where there is sound, 0 between recordings.
    level : np.ndarray
        (n, 1, width, 1), the `LogMelDistance.level` of each frame's recording.
    """

    clips: np.ndarray
    mask: np.ndarray
    level: np.ndarray


class _Piece(NamedTuple):
    """Rows of the array that are one after another in a recording."""

    recording: int
    first: int
    end: int
    n_frames: int


class _Pieces:
    """Recordings in pieces of a few clips: as numbers of each recording, since a corpus may have millions."""

    def __init__(self, dataset: Dataset, recordings: np.ndarray) -> None:
        self._dataset = dataset
        self._recordings = np.asarray(recordings)
        n_clips = dataset.first_row[self._recordings + 1] - dataset.first_row[self._recordings]
        # The pieces of all recordings up to each of them.
        self._ends = np.cumsum(ceil_div(n_clips, _CLIPS_PER_PIECE))
        self.n_frames = int(dataset.n_frames[self._recordings].sum())

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> _Piece:
        place = int(np.searchsorted(self._ends, index, side="right"))
        recording, size = int(self._recordings[place]), self._dataset.features.n_frames
        start, last = (int(row) for row in self._dataset.first_row[recording : recording + 2])
        first = start + _CLIPS_PER_PIECE * (index - int(self._ends[place - 1]) if place else index)
        end = min(first + _CLIPS_PER_PIECE, last)
        n_before = (first - start) * size
        n_frames = min(int(self._dataset.n_frames[recording]) - n_before, (end - first) * size)
        return _Piece(recording, first, end, n_frames)


def sequence_frames(features: FeatureConfig, frames_per_latent: int) -> int:
    """Return the frames of a sequence: about two clips, a whole number of latents."""
    return ceil_div(_CLIPS_PER_SEQUENCE * features.n_frames, frames_per_latent) * frames_per_latent


def most_sequences(dataset: Dataset, frames_per_latent: int) -> int:
    """Return how many sequences all recordings fill: a larger batch would hold recordings twice."""
    n_frames = int(dataset.n_frames.sum()) + frames_per_latent * len(dataset.names)
    return ceil_div(n_frames, sequence_frames(dataset.features, frames_per_latent))


def training_bytes(features: FeatureConfig, model: ModelConfig, batch_size: int, *, is_codec: bool = False) -> float:
    """Return about how much memory training takes, in bytes; measured in docs/experiments.md."""
    n_blocks = encoder_depth(model) + model.depth
    per_frame = sum(
        4 * _VALUES_PER_BLOCK * n_blocks * model.width / (model.stem_frames * 2**stage)
        for stage in range(model.n_downsamplings + 1)
    )
    n_frames = batch_size * sequence_frames(features, model.frames_per_latent)
    n_weights = sum(map(math.prod, shapes(model).values()))
    n_bytes = (
        _BASE_BYTES
        + _BYTES_PER_WEIGHT * n_weights
        + n_frames * (per_frame + _LOSS_BYTES_PER_FRAME * (1 + model.between))
    )
    return n_bytes * (_CODEC_SHARE if is_codec else 1)


class _Part(NamedTuple):
    """A part of a batch: frames of a piece, or silence, which may count as sound."""

    n_frames: int
    piece: int | None = None
    variation: Variation | None = None
    is_sound: bool = False
    is_unseen: bool = False


class _Plan(NamedTuple):
    """What is in a batch: parts one after another, without the first n_used frames."""

    parts: list[_Part]
    n_used: int


class Batches:
    """The batches of some recordings, epoch by epoch.

    Almost nothing is computed for padding, as recordings follow each other in a sequence. A recording meets the
    latents' grid at another place in each random epoch.

    Parameters
    ----------
    recordings : np.ndarray
        The indices of the recordings to use.
    batch_size : int
        The sequences of a batch.
    frames_per_latent : int
        The frames that a latent stands for: sequences and silences are multiples of it.
    distance : LogMelDistance
        Gives each recording its level.
    silences : bool
        Whether random epochs have long silences that count as sound: a codec must learn how silence continues.
    between : mapping, optional
        The frames between, (n_mels, n) float16, of recordings or their first parts, for a network that has them. Others
        are interpolated.
    """

    def __init__(
        self,
        dataset: Dataset,
        recordings: np.ndarray,
        *,
        batch_size: int,
        frames_per_latent: int,
        distance: LogMelDistance,
        silences: bool = False,
        between: Mapping[int, np.ndarray] | None = None,
    ) -> None:
        self.batch_size = batch_size
        self.width = sequence_frames(dataset.features, frames_per_latent)
        self.features = dataset.features
        self._dataset = dataset
        self._frames_per_latent = frames_per_latent
        self._silences = silences
        self._between = between
        # Of a batch while it is filled: frames, then the mask and the level; with frames between, these and where the
        # encoder is given them are before the mask.
        self._n_rows = dataset.features.n_mels + 2 if between is None else 2 * dataset.features.n_mels + 3
        self._distance = distance
        self._pieces = _Pieces(dataset, recordings)
        # Of each recording once it was used, NaN before: computing it takes reading the recording.
        self._levels = np.full(len(dataset.names), np.nan)
        self._in_batch: list[int] = []  # the pieces of the batch that `epoch` gave last
        total = self._pieces.n_frames + frames_per_latent * (len(self._pieces) + 1)
        self.n_steps = min(MOST_STEPS, math.ceil(total / (batch_size * self.width)))

    def epoch(self, rng: np.random.Generator | None = None, *, workers: int = 0) -> Iterator[Batch]:
        """Yield the n_steps batches of an epoch.

        Parameters
        ----------
        rng : np.random.Generator, optional
            Shuffles the recordings and varies each of them; the last batch is filled with some recordings that come
            twice. Without it they come in order, unchanged, and the last batch is filled with silence.
        workers : int
            Threads that make the same batches ahead of where they are used; 0: each is made when it is asked for.
        """
        plans = self._plans(rng)
        for batch, pieces in in_order(self._make, plans, workers) if workers else map(self._make, plans):
            self._in_batch = pieces
            yield batch

    def _plans(self, rng: np.random.Generator | None) -> Iterator[_Plan]:
        """Yield what is in each batch of an epoch: all that is random, without the frames themselves."""
        room = self.batch_size * self.width
        count = len(self._pieces)
        order = range(count) if rng is None else itertools.cycle(rng.permutation(count))
        parts = [_Part(0 if rng is None else int(rng.integers(self._frames_per_latent)))]
        n_frames = parts[0].n_frames
        n_used = 0  # frames of the first part that were in the batch before
        n_made = 0
        for index in map(int, order):
            variation = None if rng is None else draw(rng)
            n_piece = self._pieces[index].n_frames
            is_unseen = rng is not None and self._between is not None and rng.random() < _UNSEEN_PROBABILITY
            n_varied = variation.n_frames(n_piece) if variation else n_piece
            added = [_Part(n_varied, index, variation, is_unseen=is_unseen)]
            added.append(_Part(self._frames_per_latent))
            if self._silences and rng is not None and rng.random() < _SILENCE_PROBABILITY:
                added.append(_Part(self._frames_per_latent * int(rng.integers(*_SILENCE_LATENTS)), is_sound=True))
            parts += added
            n_frames += sum(part.n_frames for part in added)
            while n_frames >= room:
                yield _Plan(parts, n_used)
                n_made += 1
                if n_made == self.n_steps:
                    return
                n_frames -= room
                n_used += room
                first = 0
                while first < len(parts) and n_used >= parts[first].n_frames:
                    n_used -= parts[first].n_frames
                    first += 1
                parts = parts[first:]
        yield _Plan(parts, n_used)

    def _make(self, plan: _Plan) -> tuple[Batch, list[int]]:
        """Return a batch, and the pieces that are in it."""
        room = self.batch_size * self.width
        n_frames = max(sum(part.n_frames for part in plan.parts), plan.n_used + room)
        joined = np.zeros((self._n_rows, n_frames), np.float32)
        start = 0
        for part in plan.parts:
            self._fill(joined[:, start : start + part.n_frames], part)
            start += part.n_frames
        batch = self._batch(joined[:, plan.n_used : plan.n_used + room])
        return batch, [part.piece for part in plan.parts if part.piece is not None]

    def describe_last(self) -> str:
        """Return what a message says of the batch that `epoch` gave last, whose loss is not finite."""
        pieces = [self._pieces[i] for i in self._in_batch]
        for piece in pieces:
            if not np.isfinite(self._dataset.clips[piece.first : piece.end]).all():
                name = printable(self._dataset.names[piece.recording])
                return f"on {name}, whose values in the array are not finite: run {TRAIN_DATA_GENERATOR} again"
        names = list(dict.fromkeys(self._dataset.names[piece.recording] for piece in pieces))
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return f"on a batch with {', '.join(map(printable, names[:_MOST_NAMED]))}{more}: use a lower --learning-rate"

    def _fill(self, frames: np.ndarray, part: _Part) -> None:
        """Write a part into the zeros (n_rows, n_frames) of its place in a batch."""
        if part.piece is not None:
            piece = self._pieces[part.piece]
            sound = join_clips(self._dataset.clips[piece.first : piece.end], piece.n_frames)
            if self._between is None:
                frames[:-2] = sound if part.variation is None else vary(sound, part.variation)
            else:
                frames[:-2] = self._with_between(sound, piece, part)
            frames[-2] = 1
            frames[-1] = self._level(piece.recording)
        elif part.is_sound:
            frames[-2] = 1
            frames[-1] = self._distance.config.quietest

    def _with_between(self, frames: np.ndarray, piece: _Piece, part: _Part) -> np.ndarray:
        """Return the varied frames of a piece, those between, and a row that tells where the encoder is given these."""
        features, is_given = self._dataset.features, not part.is_unseen
        first = features.n_frames * (piece.first - int(self._dataset.first_row[piece.recording]))
        known = (self._between or {}).get(piece.recording)
        if known is not None and known.shape[1] >= first + piece.n_frames:
            frames = np.concatenate([frames, known[:, first : first + piece.n_frames].astype(np.float32)])
        else:
            frames, is_given = with_between(frames, features), False
        if part.variation is not None:
            finer = vary(in_time_order(frames, features), part.variation, times=2)
            frames = finer.T.reshape(-1, 2 * features.n_mels).T
        return np.concatenate([frames, np.full_like(frames[:1], is_given)])

    def _level(self, recording: int) -> float:
        """Return the level of a recording."""
        if np.isnan(self._levels[recording]):
            self._levels[recording] = self._distance.level(self._dataset.frames(recording))
        return float(self._levels[recording])

    def _batch(self, frames: np.ndarray) -> Batch:
        """Return the sequences of frames (n_rows, batch_size * width)."""
        if self._between is not None:
            n_mels, both, is_given = self.features.n_mels, frames[:-3], frames[-3:-2]
            given = is_given * beyond_interpolation(both, self.features)[n_mels:]
            frames = np.concatenate([both, given, frames[-2:]])
        sequences = frames.reshape(-1, self.batch_size, self.width).transpose(1, 0, 2)[..., None]
        return Batch(
            clips=np.ascontiguousarray(sequences[:, :-2]),
            mask=np.ascontiguousarray(sequences[:, -2:-1]),
            level=np.ascontiguousarray(sequences[:, -1:]),
        )
