"""The commands of `speech-autoencoder`, one module each; the table of them is in `__main__.py`."""
