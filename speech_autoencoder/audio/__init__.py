"""Waveform <-> normalised log-mel."""
