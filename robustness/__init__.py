"""Damaged files, killed processes and extreme recordings: the measurements behind docs/reliability.md."""
