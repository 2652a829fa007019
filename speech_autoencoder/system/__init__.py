"""Files, locks and processors: nothing about speech."""
