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
        if not len(block):
            return
        peak = float(max(block.max(), -block.min()))
        if peak >= self.FULL_SCALE:
            self.clipped += int((np.abs(block) >= self.FULL_SCALE).sum())
        self.peak = max(self.peak, peak)
        starts = np.arange(0, len(block), self.piece)
        energies = np.add.reduceat(np.square(block, dtype=np.float64), starts)
        self.energy += float(energies.sum())
        self.n_samples += len(block)
        self.n_pieces += len(starts)
        lengths = np.full(len(starts), self.piece)
        lengths[-1] = len(block) - starts[-1]
        self.n_quiet += int((energies < self.QUIET * lengths).sum())

    def columns(self) -> dict:
        """The columns of the sidecar that tell of these."""
        return {
            "peak": self.peak,
            "power": self.energy / max(1, self.n_samples),
            "clipped": self.clipped,
            "quiet": self.n_quiet / max(1, self.n_pieces),
        }
