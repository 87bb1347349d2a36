"""The same training on this project and on what else one could write it with, side by side."""
