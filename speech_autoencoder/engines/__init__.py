"""Where chunks of work are done: in threads of this process, or by a Dask cluster."""
