"""The optimiser: Muon for every matrix, convolutions included, and Adam for the rest."""

import math
from typing import Any

import keras
from keras import ops

Tensor = Any

# The learning rate of biases and norms, as a share of the matrices'.
_ADAM_SHARE = 0.5
# The rounds of the Newton-Schulz iteration, each a polynomial a x + b x^3 + c x^5. Together they bring singular values
# in [0.02, 1] nearest to 1; each is fitted to what the one before leaves (Amsel and others, 2025).
_ROUNDS = (
    (7.7110, -22.1138, 16.2488),
    (3.2153, -2.4112, 0.5013),
    (2.2183, -1.5940, 0.4107),
)
# The products of Gram matrices that the rounds take: a square, and four in each round but the last.
GRAM_PRODUCTS = 4 * len(_ROUNDS) - 3


def optimizer(learning_rate: float, clip_norm: float, weight_decay: float) -> keras.optimizers.Optimizer:
    """Return the optimiser of training.

    Parameters
    ----------
    learning_rate : float
        The learning rate of matrices; the others have half of it.
    clip_norm : float
        The largest norm of the gradient of all weights together.
    weight_decay : float
        Only matrices decay: by weight_decay times the learning rate per step (Loshchilov and Hutter, 2019).
    """
    return Muon(
        learning_rate,
        global_clipnorm=clip_norm,
        weight_decay=weight_decay,
        adam_weight_decay=0.0,
        adam_lr_ratio=_ADAM_SHARE,
    )


def orthogonal(matrix: Tensor) -> Tensor:
    """Return a matrix (m, n) with its singular values brought near to 1.

    Those above a twentieth of the largest one end between 0.9 and 1.1; smaller ones come nearer to 1 too; zero stays
    zero. The Newton-Schulz iteration is done on the smaller Gram matrix: half the work where one side is much longer.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    matrix = matrix / (ops.norm(matrix) + 1e-7)
    gram = ops.matmul(ops.transpose(matrix), matrix) if tall else ops.matmul(matrix, ops.transpose(matrix))
    square = ops.matmul(gram, gram)
    # At least the largest eigenvalue, and not much more: a tighter bound than the Frobenius norm saves a round.
    bound = ops.sqrt(ops.norm(square)) + 1e-12
    gram, square = gram / bound, square / bound**2
    identity = ops.eye(gram.shape[0])
    product = None
    for number, (a, b, c) in enumerate(_ROUNDS):
        factor = a * identity + b * gram + c * square
        product = factor if product is None else ops.matmul(factor, product)
        if number < len(_ROUNDS) - 1:
            gram = ops.matmul(ops.matmul(factor, gram), factor)
            square = ops.matmul(gram, gram)
    matrix = matrix / ops.sqrt(bound)
    return ops.matmul(matrix, product) if tall else ops.matmul(product, matrix)


class Muon(keras.optimizers.Muon):
    """Muon (Jordan, 2024), with steps of the size of Adam's (Liu and others, 2025).

    The momentum of a matrix is made orthogonal before the step, so that rare directions are learned as fast as common
    ones. Keras' own Muon does so for dense layers only; here the kernel of a convolution is a matrix too.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) < 2

    def _muon_update_step(self, gradient: Tensor, variable: Any, lr: Tensor, m: Any) -> None:
        self.assign_add(m, gradient + m * (self.momentum - 1))
        update = ops.reshape(gradient + self.momentum * m, (-1, variable.shape[-1]))
        scale = self.rms_rate * math.sqrt(max(update.shape))
        self.assign_sub(variable, ops.reshape(lr * scale * orthogonal(update), variable.shape))
