"""A folder of recordings <-> an array of clips."""
