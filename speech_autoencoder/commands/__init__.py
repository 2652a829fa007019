"""The commands of `python -m speech_autoencoder`, one module each; the table of them is in `__main__.py`."""
