"""What command lines share."""
