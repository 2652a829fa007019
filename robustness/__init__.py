"""Damaged files, killed processes, extreme recordings."""
