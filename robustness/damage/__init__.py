"""Damage to files, by chance and by rule."""
