"""The auto-encoder: its architecture, its weights, its file."""
