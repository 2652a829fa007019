"""Files, locks, processors and versions: nothing about speech."""
