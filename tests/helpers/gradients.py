"""Gradients, computed by the backend of Keras."""

import keras
import numpy as np


def gradients(function, value, variables=()):
    """Return the gradients of a function of an array, a scalar: for the array, and for variables that it reads."""
    value = np.asarray(value, np.float32)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        given = tf.constant(value)
        with tf.GradientTape() as tape:
            tape.watch(given)
            result = function(given)
        found = tape.gradient(result, [given, *(variable.value for variable in variables)])
    else:
        import jax

        def stateless(given, *values):
            with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)):
                return function(given)

        values = [variable.value for variable in variables]
        found = jax.grad(stateless, argnums=tuple(range(1 + len(values))))(value, *values)
    return [np.asarray(gradient) for gradient in found]
