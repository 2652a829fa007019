"""Training, the only folder that needs TensorFlow."""
