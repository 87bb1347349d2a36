"""`deeptutorial filters`: what the hidden units of a model look for, as a picture or a table."""

from pathlib import Path

import numpy as np

from deeptutorial.commands.inputs import add_model, load
from deeptutorial.commands.outputs import add_output, write_bytes, write_png
from deeptutorial.images import is_image, split_channels, tile_raster_images
from deeptutorial.models import SdA
from deeptutorial.report.high_weights import high_weights_table
from deeptutorial.report.weight_chart import draw_high_weights

__all__ = ["add_to", "filters"]

COLUMNS = 10
"""Tiles in a row, if nothing else is asked for."""

TABLES = {".tsv": "\t", ".csv": ","}
"""What stands between the values of a table, by the suffix of its file."""


def add_to(commands) -> None:
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "filters",
        help="a picture of what the hidden units look for",
        description="Draw the weights of the first hidden units as tiles, each stretched from "
        "black to white by itself; of a stack, those of the lowest layer. Where the inputs are no "
        "pictures, draw a chart of the heaviest ones of each unit, by name. An output that ends in "
        ".tsv or .csv gets a table of the high weights of all units, those beyond two standard "
        "deviations of the unit's weights.",
        epilog="examples:\n"
        "  deeptutorial filters dA_plots/dA_corruption_30.npz\n"
        "  deeptutorial filters SdA_plots/SdA.npz --rows 20 --columns 50 --output - | display\n"
        "  deeptutorial filters dA_plots/dA_corruption_30.npz --output high_weights.tsv\n",
    )
    add_model(parser)
    add_output(parser, "filters.png", "where the picture or table goes; - is standard output")
    parser.add_count("--rows", "rows of tiles, at most", at_least=1, default=10)
    parser.add_count("--columns", "tiles in a row", at_least=1, default=COLUMNS)
    parser.set_defaults(run=filters)


def filters(model: str, output: str, rows: int, columns: int) -> None:
    """Draw the filters of a model's first layer."""
    loaded = load(model)
    da = loaded.dA_layers[0] if isinstance(loaded, SdA) else loaded
    W, image_shape = da.W.get_value(borrow=True), loaded.image_shape
    delimiter = TABLES.get(Path(output).suffix.lower())
    if delimiter is not None:
        table = high_weights_table(W, loaded.data.columns, delimiter)
        write_bytes(output, table.encode("utf-8", "backslashreplace"))
        return
    columns = min(columns, max(da.n_hidden, COLUMNS))  # more would be black, and take memory
    if image_shape is None or not is_image(image_shape):
        chart = draw_high_weights(W, loaded.data.columns, rows, columns)
        write_png(output, np.asarray(chart))
        return
    pixels = tile_raster_images(
        split_channels(W.T, image_shape),
        img_shape=(image_shape[0], image_shape[1]),
        tile_shape=(min(rows, -(-da.n_hidden // columns)), columns),
        tile_spacing=(1, 1),
    )
    write_png(output, pixels)
