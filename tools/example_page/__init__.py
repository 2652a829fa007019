"""The page of sounds, docs/example/index.html: `python -m tools.example_page`."""
