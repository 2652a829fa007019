"""What leaves for other programs: models, latents, and a page to speak to."""
