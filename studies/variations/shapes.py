"""White shapes on black: rectangles that are tall or wide, and regions that are convex or not."""

import numpy as np

__all__ = ["convex_hull", "convex_shapes", "framed_rectangles", "is_convex", "rectangles"]

SIDE = 28
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]

# The authors' page about their convex sets gives these.
LINES_OF_CONVEX, LEAST_OF_CONVEX = 0.195, 19
LINES_OF_PARTS, LEAST_OF_PARTS = 0.07, 10
NUMBERS_OF_PARTS = (2, 3, 4)


def rectangles(
    n: int, rng: np.random.Generator, least_side: int, least_difference: int, areas: tuple
) -> np.ndarray:
    """Draw the places of rectangles that fit into an image.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator
    least_side : int
        Of pixels; what is shorter is drawn again.
    least_difference : int
        Between height and width, likewise.
    areas : (float, float)
        Least and greatest part of the image that one may cover, likewise.

    Returns
    -------
    ndarray of int, shape (n, 4)
        Top, left, height and width.
    """
    found = np.empty((0, 2), dtype=int)
    while len(found) < n:
        sides = rng.integers(1, SIDE + 1, (4 * n, 2))
        part = sides.prod(axis=1) / SIDE**2
        good = (sides.min(axis=1) >= least_side) & (areas[0] <= part) & (part <= areas[1])
        good &= abs(sides[:, 0] - sides[:, 1]) >= least_difference
        found = np.concatenate([found, sides[good]])[:n]
    corners = rng.integers(0, SIDE + 1 - found)
    return np.concatenate([corners, found], axis=1)


def framed_rectangles(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each rectangle which pixels are its border, and which are border or inside.

    Parameters
    ----------
    places : ndarray of int, shape (n, 4)
        As `rectangles` returns them.

    Returns
    -------
    two ndarrays of bool, shape (n, 28, 28)
    """
    top, left, height, width = places.T[:, :, None, None]
    down, right = ROWS - top, COLUMNS - left
    covered = (down >= 0) & (down < height) & (right >= 0) & (right < width)
    inside = (down > 0) & (down < height - 1) & (right > 0) & (right < width - 1)
    return covered & ~inside, covered


def convex_shapes(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw regions, and a fair coin for each whether it is to be convex.

    A convex one is cut out by half-planes; the others are two to four of such, together, drawn
    again where that is convex all the same.

    Returns
    -------
    regions : ndarray of bool, shape (n, 28, 28)
    labels : ndarray of int, 1 for convex
    """
    labels = rng.integers(0, 2, n)
    return np.stack([_convex(rng) if label else _not_convex(rng) for label in labels]), labels


def _convex(
    rng: np.random.Generator, p: float = LINES_OF_CONVEX, least: int = LEAST_OF_CONVEX
) -> np.ndarray:
    """Cut a region out by so many half-planes as throws of a coin come before a success.

    A half-plane's border goes through a point anywhere in the image, in any direction.
    """
    while True:
        n_lines = rng.geometric(p) - 1
        angles = rng.uniform(0, 2 * np.pi, n_lines)
        points = rng.uniform(-0.5, SIDE - 0.5, (n_lines, 2))
        rows, columns = ROWS.ravel(), COLUMNS.ravel()
        for angle, (row, column) in zip(angles, points, strict=True):
            kept = np.cos(angle) * (rows - row) + np.sin(angle) * (columns - column) >= 0
            rows, columns = rows[kept], columns[kept]
            if len(rows) < least:
                break
        if len(rows) >= least:
            region = np.zeros((SIDE, SIDE), dtype=bool)
            region[rows, columns] = True
            return region


def _not_convex(rng: np.random.Generator) -> np.ndarray:
    while True:
        n_parts = rng.choice(NUMBERS_OF_PARTS)
        parts = [_convex(rng, LINES_OF_PARTS, LEAST_OF_PARTS) for _ in range(n_parts)]
        region = np.any(parts, axis=0)
        if not is_convex(region):
            return region


def is_convex(region: np.ndarray) -> bool:
    """Tell whether all pixels of the convex hull of a region's pixels are in the region."""
    rows = np.flatnonzero(region.any(axis=1))
    ends = region[rows].argmax(axis=1), SIDE - 1 - region[rows, ::-1].argmax(axis=1)
    hull = convex_hull(np.stack([np.repeat(rows, 2), np.stack(ends, axis=1).ravel()], axis=1))
    if len(hull) < 3:  # a point or a line: its pixels must follow each other
        steps = np.abs(hull[-1] - hull[0])
        return bool(region.sum() == np.gcd(*steps) + 1)
    edges = np.roll(hull, -1, axis=0) - hull
    down, right = ROWS[..., None] - hull[:, 0], COLUMNS[..., None] - hull[:, 1]
    in_hull = (edges[:, 0] * right - edges[:, 1] * down >= 0).all(axis=-1)
    return bool(region[in_hull].all())


def convex_hull(points: np.ndarray) -> np.ndarray:
    """Return the corners of the convex hull of points of the grid, in order (monotone chain).

    Parameters
    ----------
    points : ndarray of int, shape (n, 2)
        In lexicographic order; some may be there twice.
    """
    halves: list[list] = []
    for sequence in (points.tolist(), points.tolist()[::-1]):
        chain: list = []
        for point in sequence:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        halves.append(chain[:-1])
    corners = halves[0] + halves[1]
    return np.array(corners or points[:1])


def _turn(a: list, b: list, c: list) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
