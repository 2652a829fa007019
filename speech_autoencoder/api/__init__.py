"""The functions of the public Python API (`import speech_autoencoder`), which are also behind the scripts."""
