"""The optimiser: Muon for every matrix, convolutions included, and Adam for what is none."""

import math

# The learning rate of biases and norms, as a share of the matrices'.
_ADAM_SHARE = 0.5
# Rounds of Newton and Schulz' iteration: with three, the loss fell some 2 % less; with five, steps took longer.
_ROUNDS = 4
# The iteration's polynomial, a x + b x^3 + c x^5 (Jordan, 2024): steep at 0, and near 1 from there on.
_A, _B, _C = 3.4445, -4.7750, 2.0315


def optimizer(learning_rate: float, clip_norm: float, weight_decay: float):
    """A keras.optimizers.Optimizer: Muon (Jordan, 2024), with steps scaled as Adam's are (Liu and others, 2025).

    A matrix' momentum is made orthogonal before the step, so that rare directions are learned as fast as common
    ones. Keras' own does so for dense layers alone; here the kernel of a convolution is a matrix too. Only matrices
    decay: by weight_decay x the learning rate a step (Loshchilov and Hutter, 2019).
    """
    import keras
    from keras import ops

    class Muon(keras.optimizers.Muon):
        def _should_use_adamw(self, variable):
            return len(variable.shape) < 2

        def _muon_update_step(self, gradient, variable, lr, m):
            self.assign_add(m, gradient + m * (self.momentum - 1))
            update = ops.reshape(gradient + self.momentum * m, (-1, variable.shape[-1]))
            scale = self.rms_rate * math.sqrt(max(update.shape))
            self.assign_sub(variable, ops.reshape(lr * scale * orthogonal(update), variable.shape))

    return Muon(
        learning_rate,
        global_clipnorm=clip_norm,
        weight_decay=weight_decay,
        adam_weight_decay=0.0,
        adam_lr_ratio=_ADAM_SHARE,
    )


def orthogonal(matrix, rounds: int = _ROUNDS):
    """The matrix (m, n), a tensor, with its singular values brought near 1.

    Newton and Schulz' iteration, done on the smaller Gram matrix: half the work where one side is much longer.
    """
    import tensorflow as tf

    tall = matrix.shape[0] > matrix.shape[1]
    matrix = matrix / (tf.norm(matrix) + 1e-7)
    gram = tf.matmul(matrix, matrix, transpose_a=tall, transpose_b=not tall)
    identity, product = tf.eye(gram.shape[0]), None
    for number in range(rounds):
        factor = _A * identity + _B * gram + _C * tf.matmul(gram, gram)
        product = factor if product is None else tf.matmul(factor, product)
        if number < rounds - 1:
            gram = tf.matmul(tf.matmul(factor, gram), factor)
    return tf.matmul(matrix, product) if tall else tf.matmul(product, matrix)
