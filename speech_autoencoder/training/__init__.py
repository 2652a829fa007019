"""Training, the only folder that needs Keras and a backend for it: TensorFlow or JAX."""
