"""The metrics: each a record beside its function, by topic; `registry.METRICS` lists them."""
