"""Arrays in parts: a folder of arrays that joined in order are the one array of the same recordings, and an index."""
