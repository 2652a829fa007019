"""What a sound file holds, by its headers: which streams of sound, from where to where, and whether they are whole."""
