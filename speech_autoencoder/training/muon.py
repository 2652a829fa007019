"""The optimiser: Muon for every matrix, convolutions included, and Adam for what is none."""

import math

# The learning rate of biases and norms, as a share of the matrices'.
_ADAM_SHARE = 0.5
# The rounds of Newton and Schulz' iteration, each a polynomial a x + b x^3 + c x^5: what brings singular values from
# [0.02, 1] nearest to 1 in so many rounds, each fitted to what the one before leaves (Amsel and others, 2025).
_ROUNDS = ((7.7110, -22.1138, 16.2488), (3.2153, -2.4112, 0.5013), (2.2183, -1.5940, 0.4107))
# The products of Gram matrices that they take: a square, and four in each round but the last.
GRAM_PRODUCTS = 4 * len(_ROUNDS) - 3


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


def orthogonal(matrix):
    """The matrix (m, n), a tensor, with its singular values from a twentieth of the largest brought to 0.9 to 1.1.

    Smaller ones are brought nearer too, zero stays zero.
    Newton and Schulz' iteration, done on the smaller Gram matrix: half the work where one side is much longer.
    """
    import tensorflow as tf

    tall = matrix.shape[0] > matrix.shape[1]
    matrix = matrix / (tf.norm(matrix) + 1e-7)
    gram = tf.matmul(matrix, matrix, transpose_a=tall, transpose_b=not tall)
    square = tf.matmul(gram, gram)
    # No eigenvalue is larger, and the largest one not much smaller: a tighter bound than Frobenius' norm saves a round.
    bound = tf.sqrt(tf.norm(square)) + 1e-12
    gram, square = gram / bound, square / bound**2
    identity, product = tf.eye(gram.shape[0]), None
    for number, (a, b, c) in enumerate(_ROUNDS):
        factor = a * identity + b * gram + c * square
        product = factor if product is None else tf.matmul(factor, product)
        if number < len(_ROUNDS) - 1:
            gram = tf.matmul(tf.matmul(factor, gram), factor)
            square = tf.matmul(gram, gram)
    matrix = matrix / tf.sqrt(bound)
    return tf.matmul(matrix, product) if tall else tf.matmul(product, matrix)
