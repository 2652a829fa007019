"""What the networks are made of, run by numpy: what Keras' layers of these names do, and the way back for a gradient.

A layer takes one recording, x (n_frames, n_channels), or for the 2-D network (n_mels, n_frames, n_channels), float32,
and gives (output, back): back takes the gradient of some number with respect to the output to that with respect to x.
Weights are constants.
"""

from collections.abc import Callable, Mapping

import numpy as np

Back = Callable[[np.ndarray], np.ndarray]
# What Keras adds to a mean square before it is a divisor.
_EPSILON = 1e-6
# Along an axis, what each of a kernel's three places sees of x, and where that goes to.
_SEEN = slice(None, -1), slice(None), slice(1, None)
_GOES_TO = slice(1, None), slice(None), slice(None, -1)


class Chain:
    """Layers one after another: `output` is what the last has given, `back` leads to the first's input.

    weights are those of the network, {name: array}, which has a kernel and a bias of each layer's name.
    """

    def __init__(self, x: np.ndarray, weights: Mapping[str, np.ndarray]):
        self.output, self._weights, self._backs = x, weights, []

    def through(self, layer: Callable[..., tuple[np.ndarray, Back]], *arguments) -> "Chain":
        """This chain, with one more layer, which is given the arguments too."""
        self.output, back = layer(self.output, *arguments)
        self._backs.append(back)
        return self

    def weighted(self, layer: Callable[..., tuple[np.ndarray, Back]], name: str) -> "Chain":
        """This chain, with one more layer, which is given the kernel and the bias of that name."""
        return self.through(layer, self._weights[f"{name}/kernel"], self._weights[f"{name}/bias"])

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """The gradient with respect to the input, of that with respect to the output."""
        for back in reversed(self._backs):
            gradient = back(gradient)
        return gradient


def dense(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, Back]:
    """(output, back) of a matrix (n_in, n_out) at each frame."""
    return x @ kernel + bias, lambda gradient: gradient @ kernel.T


def convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, Back]:
    """(output, back) of a convolution of 3 frames, or of 3 bands x 3 frames, with zeros around x.

    kernel is (3, n_in, n_out) or (3, 3, n_in, n_out); the way back is the convolution with it turned round.
    """
    turned = np.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)
    return _correlate(x, kernel) + bias, lambda gradient: _correlate(gradient, turned)


def _correlate(x, kernel):
    """The sum over a kernel's places of x, as far as it is seen from there, times the matrix there."""
    total = x @ kernel[(1,) * (x.ndim - 1)]
    for place in np.ndindex(kernel.shape[:-2]):
        if set(place) != {1}:
            total[tuple(_GOES_TO[i] for i in place)] += x[tuple(_SEEN[i] for i in place)] @ kernel[place]
    return total


def downsampling_convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, Back]:
    """(output, back) of a convolution with a stride of its own length: so many frames become one."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    output, back = dense(x.reshape(-1, len(matrix)), matrix, bias)
    return output, lambda gradient: back(gradient).reshape(x.shape)


def rms_normalization(x: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, Back]:
    """(output, back) of each frame divided by its root mean square, times scale (n_channels,).

    Zhang and Sennrich (2019).
    """
    n_channels = x.shape[1]
    rate = (np.einsum("nc,nc->n", x, x)[:, None] / n_channels + _EPSILON) ** -0.5
    unit = x * rate

    def back(gradient):
        scaled = gradient * scale
        return rate * (scaled - unit * (np.einsum("nc,nc->n", scaled, unit)[:, None] / n_channels))

    return unit * scale, back


def sigmoid(x: np.ndarray) -> tuple[np.ndarray, Back]:
    """(output, back) of 1 / (1 + exp(-x))."""
    output = 0.5 + 0.5 * np.tanh(0.5 * x)  # which does not overflow
    return output, lambda gradient: gradient * (output * (1 - output))


def silu(x: np.ndarray) -> tuple[np.ndarray, Back]:
    """(output, back) of x times its sigmoid."""
    share, _ = sigmoid(x)
    output = x * share
    return output, lambda gradient: gradient * (output * (1 - share) + share)


def relu(x: np.ndarray) -> tuple[np.ndarray, Back]:
    """(output, back) of what is above zero."""
    return np.maximum(x, 0), lambda gradient: gradient * (x > 0)


def max_pooling(x: np.ndarray) -> np.ndarray:
    """The largest of each 2 bands x 2 frames; there is no way back, which encoding does not need."""
    rows, columns, n_channels = x.shape
    return x.reshape(rows // 2, 2, columns // 2, 2, n_channels).max(axis=(1, 3))


def up_sampling(x: np.ndarray) -> tuple[np.ndarray, Back]:
    """(output, back) of each value 2 x 2 times."""
    rows, columns, n_channels = x.shape
    output = x.repeat(2, axis=0).repeat(2, axis=1)
    return output, lambda gradient: gradient.reshape(rows, 2, columns, 2, n_channels).sum(axis=(1, 3))


def reshape(x: np.ndarray, *shape: int) -> tuple[np.ndarray, Back]:
    """(output, back) of the same numbers in another shape."""
    return x.reshape(shape), lambda gradient: gradient.reshape(x.shape)


def permute(x: np.ndarray) -> tuple[np.ndarray, Back]:
    """(output, back) of bands and frames in each other's place."""
    return x.swapaxes(0, 1), lambda gradient: gradient.swapaxes(0, 1)
