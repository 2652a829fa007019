"""How intelligible and how clear reconstructions are: the tables of docs/quality.md."""
