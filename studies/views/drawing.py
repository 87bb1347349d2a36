"""What the views' figures have in common."""

COLOURS = ("#2166ac", "#c8502d", "#3b8252", "#7b4fa0")
"""Of curves, as in a report."""


def panels(columns: int, height: float, width: float = 10.0, **how):
    """Return a figure of the extra ``bench``'s matplotlib, and the axes of its panels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, **how)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def show_tiles(axis, picture, title: str):
    """Show a picture of tiles in a panel, pixel by pixel."""
    axis.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.set_axis_off()
    axis.set_title(title)
