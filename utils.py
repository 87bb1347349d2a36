"""The plotting helpers under the tutorial's module name; they live in `deeptutorial.images`."""

from deeptutorial.images import scale_to_unit_interval, tile_raster_images

__all__ = ["scale_to_unit_interval", "tile_raster_images"]
