"""Other codecs to compare with, where they are installed: each is a record beside its function, listed in registry."""
