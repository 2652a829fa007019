"""What differs by the backend that Keras computes with."""
