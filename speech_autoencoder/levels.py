"""How loud a recording is, how much of it is clipped or quiet."""

import numpy as np


class Levels:
    """A watcher of a recording's blocks: its peak, its mean power, the samples at full scale, how much is quiet."""

    # A sample that counts as clipped; the power, of 20 ms, below which it is quiet (-60 dBFS).
    FULL_SCALE, QUIET, PIECE_S = 0.999, 1e-6, 0.02

    def __init__(self, sr: int):
        self.piece, self.peak, self.energy, self.clipped, self.n_samples = round(self.PIECE_S * sr), 0.0, 0.0, 0, 0
        self.n_pieces = self.n_quiet = 0

    def __call__(self, block: np.ndarray) -> None:
        """Nothing; the block, (n_samples,), has been counted."""
        size = np.abs(block)
        self.peak = max(self.peak, float(size.max(initial=0)))
        self.clipped += int((size >= self.FULL_SCALE).sum())
        squares = block.astype(np.float64) ** 2
        self.energy += float(squares.sum())
        self.n_samples += len(block)
        starts = np.arange(0, len(block), self.piece)
        lengths = np.diff(starts, append=len(block))
        self.n_pieces += len(starts)
        self.n_quiet += int((np.add.reduceat(squares, starts) < self.QUIET * lengths).sum()) if len(starts) else 0

    def columns(self) -> dict:
        """The columns of the sidecar that tell of these."""
        return {
            "peak": self.peak,
            "power": self.energy / max(1, self.n_samples),
            "clipped": self.clipped,
            "quiet": self.n_quiet / max(1, self.n_pieces),
        }
