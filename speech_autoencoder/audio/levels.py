"""How loud a recording is, and how much of it is clipped or quiet."""

import numpy as np

# The magnitude from which a sample counts as clipped.
_FULL_SCALE = 0.999
# The power below which a piece is quiet: -60 dBFS.
_QUIET = 1e-6
# The length of a piece, in seconds.
_PIECE_S = 0.02


class Levels:
    """The levels of a recording of sr Hz, counted block by block; n_samples counts the samples so far.

    Call it with each block of the recording as mono at its own rate, as `audio.reading.read_stream` calls its
    `watch`.
    """

    def __init__(self, sr: int) -> None:
        self.n_samples = 0
        self._piece = round(_PIECE_S * sr)
        self._peak = 0.0
        self._energy = 0.0
        self._n_clipped = 0
        self._n_pieces = 0
        self._n_quiet = 0

    def __call__(self, block: np.ndarray) -> None:
        """Count a block (n_samples,)."""
        if not len(block):
            return
        peak = float(max(block.max(), -block.min()))
        if peak >= _FULL_SCALE:
            self._n_clipped += int((np.abs(block) >= _FULL_SCALE).sum())
        self._peak = max(self._peak, peak)
        starts = np.arange(0, len(block), self._piece)
        energies = np.add.reduceat(np.square(block, dtype=np.float64), starts)
        self._energy += float(energies.sum())
        self.n_samples += len(block)
        self._n_pieces += len(starts)
        lengths = np.full(len(starts), self._piece)
        lengths[-1] = len(block) - starts[-1]
        self._n_quiet += int((energies < _QUIET * lengths).sum())

    def columns(self) -> dict[str, float]:
        """Return the sidecar's columns of levels.

        Returns
        -------
        dict
            `peak`, the largest magnitude; `power`, the mean square; `clipped`, the count of samples at full scale;
            `quiet`, the share of pieces of 20 ms below -60 dBFS.
        """
        return {
            "peak": self._peak,
            "power": self._energy / max(1, self.n_samples),
            "clipped": self._n_clipped,
            "quiet": self._n_quiet / max(1, self._n_pieces),
        }
