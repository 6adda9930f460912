"""The embedded text-to-image model: VAE, text encoder, UNet and image prompt."""
