"""Round numbers along an axis, and where a value stands on it."""

import math
from collections.abc import Callable, Sequence

__all__ = ["round_ticks", "value_axis"]


def round_ticks(low: float, high: float, whole: bool = False, about: int = 5) -> list[float]:
    """Return some round numbers, the first not above `low`, the last not below `high`.

    Parameters
    ----------
    low, high : float
        The lower one first.
    whole : bool
        Only whole numbers, for things that are counted.
    about : int
        How many steps there are, roughly.
    """
    rough = (high - low) / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(m * size for m in (1, 2, 5, 10) if m * size >= rough * 0.999)
    if whole:
        step = max(1.0, step)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(k * step, 12) for k in range(first, last + 1)]


def value_axis(values: Sequence[float]) -> tuple[list[float], Callable[[float], float]]:
    """Return ticks for some values, and a function that places a value in [0, 1] between them.

    The axis is logarithmic where the values are positive and far apart.
    """
    low, high = min(values, default=0), max(values, default=1)
    if low > 1e-300 and 5 * low < high < 1e300:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        candidates = [m * 10.0**k for k in powers for m in (1, 2, 5)]
        first = max(i for i, c in enumerate(candidates) if c <= low)
        last = min(i for i, c in enumerate(candidates) if c >= high)
        ticks = [float(f"{c:.3g}") for c in candidates[first : last + 1]]
        bottom, top = math.log(ticks[0]), math.log(ticks[-1])
        return ticks, lambda y: (math.log(y) - bottom) / (top - bottom)
    ticks = round_ticks(low, high if high > low else low + 1)
    return ticks, lambda y: (y - ticks[0]) / (ticks[-1] - ticks[0])
