"""What recognisers find in the sound of every system: the word that is said, and whose voice it is."""
