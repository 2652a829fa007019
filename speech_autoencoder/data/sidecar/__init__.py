"""What an array says of itself: its sidecar, and what both are checked for."""
