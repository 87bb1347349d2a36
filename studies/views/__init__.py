"""A denoising autoencoder, seen from four sides."""
