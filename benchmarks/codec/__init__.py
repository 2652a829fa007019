"""Quality at a bitrate."""
