"""The measurements that docs/ quotes; each command is a module: python -m benchmarks.FOLDER.NAME --help."""
