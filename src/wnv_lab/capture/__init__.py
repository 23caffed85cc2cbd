"""What Windows' own captures would have logged of the engine's stages."""
