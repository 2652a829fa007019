"""Recordings: found, read, resampled, written; waveform <-> normalised log-mel."""
