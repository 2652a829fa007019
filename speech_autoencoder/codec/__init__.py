"""Recording <-> latent <-> bytes."""
