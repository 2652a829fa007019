"""Measurements that docs/ quote, each a module to run: python -m benchmarks.NAME --help."""
