"""What the scripts' command lines share, and the commands of `python -m speech_autoencoder`."""
