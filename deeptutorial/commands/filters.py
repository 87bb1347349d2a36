"""`deeptutorial filters`: what the hidden units of a model look for, as a picture."""

from deeptutorial.commands.inputs import add_model, load
from deeptutorial.commands.outputs import add_output, write_png
from deeptutorial.datasets.arrays import square_shape
from deeptutorial.images import split_channels, tile_raster_images
from deeptutorial.models import SdA

__all__ = ["add_to", "filters"]

COLUMNS = 10
"""Tiles in a row, if nothing else is asked for."""


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "filters",
        help="a picture of what the hidden units look for",
        description="Draw the weights of the first hidden units as tiles, each stretched from "
        "black to white by itself; of a stack, those of the lowest layer.",
        epilog="examples:\n"
        "  deeptutorial filters dA_plots/dA_corruption_30.npz\n"
        "  deeptutorial filters SdA_plots/SdA.npz --rows 20 --columns 50 --output - | display\n",
    )
    add_model(parser)
    add_output(parser, "filters.png", "where the picture goes; - is standard output")
    parser.add_count("--rows", "rows of tiles, at most", at_least=1, default=10)
    parser.add_count("--columns", "tiles in a row", at_least=1, default=COLUMNS)
    parser.set_defaults(run=filters)


def filters(model: str, output: str, rows: int, columns: int) -> None:
    """Draw the filters of a model's first layer."""
    loaded = load(model)
    da = loaded.dA_layers[0] if isinstance(loaded, SdA) else loaded
    image_shape = loaded.image_shape or square_shape(da.n_visible)
    columns = min(columns, max(da.n_hidden, COLUMNS))  # more would be black, and take memory
    pixels = tile_raster_images(
        split_channels(da.W.get_value(borrow=True).T, image_shape),
        img_shape=(image_shape[0], image_shape[1]),
        tile_shape=(min(rows, -(-da.n_hidden // columns)), columns),
        tile_spacing=(1, 1),
    )
    write_png(output, pixels)
