"""A small CNN auto-encoder for speech: features, model, training, inversion and judging behind the five scripts."""

__version__ = "0.1.0"
