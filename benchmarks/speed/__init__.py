"""Time and memory: the tables of docs/speed.md, and the speed of the codec in docs/codec.md."""
