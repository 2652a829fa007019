"""Recordings, arrays and outputs under URLs that fsspec opens, such as s3://bucket/folder."""
