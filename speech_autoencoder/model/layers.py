"""Layers run by numpy, each with its vector-Jacobian product (VJP): the same as Keras' layers of these names.

A layer takes the frames of one recording, x (n_frames, n_channels) float32, and its weights, and returns its output and
its VJP, which takes the gradient of a scalar with respect to the output to that with respect to x; weights are
constants.
"""

from collections.abc import Callable

import numpy as np

VJP = Callable[[np.ndarray], np.ndarray]
Output = tuple[np.ndarray, VJP]
# Keras adds this to a mean square before dividing by its root.
EPSILON = 1e-6


def dense(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> Output:
    """Return each frame times a matrix (n_in, n_out), plus a bias."""
    return x @ kernel + bias, lambda gradient: gradient @ kernel.T


def convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> Output:
    """Return the convolution with a kernel (3, n_in, n_out), with zeros around x.

    The VJP is the convolution with the kernel reversed in time and transposed.
    """
    reversed_kernel = np.flip(kernel, 0).swapaxes(-1, -2)
    return _correlate(x, kernel) + bias, lambda gradient: _correlate(gradient, reversed_kernel)


def _correlate(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return the cross-correlation of x and a kernel of three frames, as long as x."""
    before, here, after = kernel
    total = x @ here
    total[1:] += x[:-1] @ before
    total[:-1] += x[1:] @ after
    return total


def downsampling_convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> Output:
    """Return the convolution with a kernel (stride, n_in, n_out): every `stride` frames become one."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    output, vjp = dense(x.reshape(-1, len(matrix)), matrix, bias)
    return output, lambda gradient: vjp(gradient).reshape(x.shape)


def rms_normalization(x: np.ndarray, scale: np.ndarray) -> Output:
    """Return each frame divided by its root mean square, times scale (n_channels,).

    Zhang and Sennrich (2019), equation 4.
    """
    n_channels = x.shape[1]
    rate = (np.einsum("nc,nc->n", x, x)[:, None] / n_channels + EPSILON) ** -0.5
    unit = x * rate

    def vjp(gradient: np.ndarray) -> np.ndarray:
        scaled = gradient * scale
        return rate * (scaled - unit * (np.einsum("nc,nc->n", scaled, unit)[:, None] / n_channels))

    return unit * scale, vjp


def reshape(x: np.ndarray, *, n_channels: int) -> Output:
    """Return the same values as frames of n_channels."""
    return x.reshape(-1, n_channels), lambda gradient: gradient.reshape(x.shape)


def silu(x: np.ndarray) -> Output:
    """Return x times its sigmoid."""
    share = 0.5 + 0.5 * np.tanh(0.5 * x)  # the sigmoid, in a form that does not overflow
    output = x * share
    return output, lambda gradient: gradient * (output * (1 - share) + share)


# By `architecture.Layer.kind` and `.activation`.
LAYERS: dict[str, Callable[..., Output]] = {
    function.__name__: function
    for function in (dense, convolution, downsampling_convolution, rms_normalization, reshape)
}
ACTIVATIONS: dict[str, Callable[[np.ndarray], Output]] = {"silu": silu}
