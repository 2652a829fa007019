"""Quality at a bitrate, compared with other codecs: the tables of docs/codec.md."""
