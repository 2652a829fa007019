"""How understandable the sound is."""
