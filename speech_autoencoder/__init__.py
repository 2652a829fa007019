"""A small CNN auto-encoder for speech: everything behind the five scripts, from audio to evaluation and report."""

__version__ = "0.1.0"
