"""The built-in digits: handwriting drawn from pen strokes.

A machine without a network still deserves the whole lesson at the real size, so this module draws
its own 28x28 grey digits in the manner of MNIST.  Nothing here is taken from MNIST's pictures: each
class has a few *styles* (ways to write that digit) and each style is a handful of pen strokes,
given by the points that the pen goes through.

A digit is drawn in three steps:

1. **Write.**  Pick a style of the class, displace the points it goes through, join them by smooth
   curves, then bend, slant, stretch and turn the whole.
2. **Fit.**  Scale the digit, aspect kept, so that its longer side fills the 20-pixel box.
3. **Ink.**  Put down a round pen tip at each sample of the curves, and cut the 28x28 field whose
   middle is the ink's centre of mass.
"""

from collections.abc import Callable

import numpy as np

IMAGE_SIDE = 28
BOX_SIDE = 20
DEFAULT_SEED = 1998

# For each class its styles, as (how often, strokes).  Strokes are parted by "/", and each is the
# list of the "x,y" points that the pen goes through, x to the right and y down, in hundredths of
# the digit's height.  Two strokes which name the very same point stay joined there, however the
# points are displaced: that is how a corner is written.
STYLES = {
    0: [
        (4, "58,3 24,12 7,50 22,90 54,97 82,66 82,24 54,1 34,6"),
        (3, "48,0 18,18 10,56 32,96 66,88 80,44 62,6 36,4"),
        (2, "72,14 46,1 14,28 12,80 48,99 80,70 82,28 56,8 38,22"),
        (1, "66,8 34,5 10,42 24,90 62,92 84,54 78,16 52,-2"),
    ],
    1: [
        (5, "50,0 50,100"),
        (4, "50,0 50,50 50,100"),
        (2, "34,20 45,12 54,0 / 54,0 53,50 50,100"),
        (1, "28,22 44,14 54,0 / 54,0 53,50 51,99 / 22,100 51,99 80,98"),
    ],
    2: [
        (3, "12,22 24,5 48,0 72,12 72,34 50,62 12,96 / 12,96 45,95 90,97"),
        (3, "14,22 30,4 58,2 74,20 66,46 42,74 18,94 6,88 14,74 34,80 60,95 94,92"),
        (2, "10,10 42,3 76,10 / 76,10 46,50 10,94 / 10,94 50,92 94,95"),
        (2, "18,30 24,8 46,0 68,9 70,32 54,60 32,82 10,98 / 10,98 30,86 58,94 92,97"),
    ],
    3: [
        (4, "12,14 36,0 64,6 70,26 56,41 32,48 / 32,48 62,52 78,70 66,92 36,100 8,88"),
        (2, "14,12 44,0 70,12 62,36 40,47 31,44 46,45 70,57 76,80 54,98 26,98 8,86"),
        (2, "14,5 45,3 76,4 / 76,4 58,22 40,42 / 40,42 68,49 80,70 64,94 36,100 8,90"),
        (1, "22,8 46,2 66,14 64,32 46,46 / 46,46 66,58 70,78 52,94 14,100"),
    ],
    4: [
        (3, "22,4 18,30 12,56 / 12,56 46,56 86,52 / 72,2 69,50 64,100"),
        (3, "22,8 15,34 20,52 42,56 68,46 / 78,4 70,46 62,100"),
        (2, "62,0 34,32 6,66 / 6,66 48,65 92,63 / 62,0 62,50 62,100"),
        (2, "34,6 23,30 8,56 / 8,56 46,52 88,48 / 64,22 56,62 46,100"),
    ],
    5: [
        (3, "26,4 22,24 18,44 / 18,44 46,37 70,50 74,74 56,94 30,100 8,90 / 26,4 54,4 84,1"),
        (2, "84,2 56,2 34,8 26,26 40,40 64,52 70,74 54,94 28,100 8,90"),
        (2, "82,4 56,5 32,8 / 32,8 26,26 20,44 / 20,44 48,44 68,58 66,80 42,98 6,98"),
        (1, "30,14 25,28 22,44 / 22,44 46,38 66,50 70,72 52,94 14,98 / 34,6 62,4 94,0"),
    ],
    6: [
        (4, "62,2 38,20 20,48 14,76 28,97 52,98 70,80 62,60 40,58 18,76"),
        (3, "52,0 32,30 20,62 22,88 42,100 62,90 66,72 50,60 34,66 24,82"),
        (2, "76,12 60,1 36,16 18,46 14,78 34,99 62,92 72,70 56,54 32,60 17,80"),
        (1, "44,0 28,26 18,58 24,90 48,100 70,86 68,66 48,58 26,72 30,86 44,84"),
    ],
    7: [
        (4, "10,9 44,6 80,4 / 80,4 58,48 42,100"),
        (3, "10,12 40,5 70,6 76,20 60,52 46,100"),
        (2, "10,8 44,6 80,4 / 80,4 60,48 44,100 / 32,54 54,51 80,48"),
        (1, "12,24 15,7 / 15,7 46,8 78,3 / 78,3 62,44 54,100"),
        (1, "14,22 20,6 40,8 62,10 80,2 / 80,2 60,46 50,100 / 38,52 56,50 76,48"),
    ],
    8: [
        (4, "72,14 46,0 22,16 34,40 60,56 72,80 48,100 22,84 30,62 56,42 74,20 66,6"),
        (2, "48,47 26,32 30,7 52,0 72,14 68,35 48,47 / 48,47 20,62 18,88 46,100 76,88 74,62 48,47"),
        (2, "82,10 56,1 30,14 36,38 62,58 66,84 44,100 22,84 34,60 62,38 82,10"),
        (1, "50,42 28,30 34,6 60,2 72,20 54,40 34,58 22,80 40,99 64,90 66,66 48,44"),
    ],
    9: [
        (4, "72,16 50,2 24,14 18,38 38,50 60,40 73,14 / 73,14 70,56 64,100"),
        (3, "72,20 52,2 26,12 20,38 40,50 62,38 74,10 / 74,10 77,50 68,86 44,100 20,90"),
        (3, "70,18 50,3 28,14 20,36 38,48 60,36 70,18 70,42 60,70 46,100"),
        (1, "74,6 44,4 22,22 24,44 50,48 74,34 / 74,6 74,34 66,68 56,100"),
    ],
}

# Samples of the pen's way in each digit.  The longest digits measure some 60 pixels, so that the
# pen tip goes on by less than a pixel between samples and the stroke comes out whole.
_SAMPLES = 64
_CHUNK = 500

# Across the edge of the pen's tip the ink goes from none, so many pixels outside, to full, so many
# inside: a little more than the one pixel of plain antialiasing, as a scanner has it.
_BLANK = 0.65
_FULL = -0.45

# Pixels.  With its fading edge the broadest tip ends within the 7x7 window in which it is put down.
_MIN_RADIUS = 0.6
_MAX_RADIUS = 2.4
_REACH = 3

# The digit is inked in a field with some margin, from which the 28x28 are cut about the mass.
_MARGIN = 5
_FIELD_SIDE = IMAGE_SIDE + 2 * _MARGIN


def _curve_weights(n_points: int, per_span: int) -> np.ndarray:
    """Weights of the points in a Catmull-Rom curve through them, ``(samples, n_points)``.

    There are `per_span` samples from each point to the next, and one at the end.
    """
    points = np.eye(n_points)
    if n_points > 2:  # the end spans go on curving as their neighbours do
        ends = 3 * points[[0, -1]] - 3 * points[[1, -2]] + points[[2, -3]]
    else:
        ends = 2 * points - points[::-1]
    points = np.concatenate([ends[:1], points, ends[1:]])
    before, start, end, after = (points[k : k + n_points - 1, None] for k in range(4))
    t = np.linspace(0, 1, per_span, endpoint=False)[:, None]
    square = 2 * before - 5 * start + 4 * end - after
    cube = 3 * (start - end) + after - before
    curve = start + t / 2 * (end - before + t * (square + t * cube))
    return np.concatenate([curve.reshape(-1, n_points), points[-2:-1]])


def _read_style(strokes: str) -> tuple[np.ndarray, np.ndarray]:
    """Turn a style's text into its points ``(K, 2)`` and the samples' weights ``(_SAMPLES, K)``.

    The curves are linear in the points they go through, hence one matrix takes the displaced points
    of any digit in this style to the samples, evenly spread over the length of the strokes.
    """
    names = [stroke.split() for stroke in strokes.split("/")]
    distinct = list(dict.fromkeys(name for stroke in names for name in stroke))
    points = np.array([[float(v) for v in name.split(",")] for name in distinct]) / 100

    ways, lengths = [], []
    for stroke in names:
        pick = np.eye(len(distinct))[[distinct.index(name) for name in stroke]]
        weights = _curve_weights(len(stroke), per_span=64) @ pick
        steps = np.hypot(*np.diff(weights @ points, axis=0).T)
        ways.append(weights)
        lengths.append(np.concatenate([[0], np.cumsum(steps)]))

    totals = np.array([length[-1] for length in lengths])
    cuts = np.rint(np.cumsum(totals) / totals.sum() * _SAMPLES).astype(int)
    counts = np.diff(cuts, prepend=0)
    samples = [
        weights[np.searchsorted(length, np.linspace(0, length[-1], count))]
        for weights, length, count in zip(ways, lengths, counts, strict=True)
    ]
    return points - [0.5, 0.5], np.concatenate(samples)


def _read_styles() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tables over all styles: points, weights (zero-padded), first style and chances by class."""
    texts = [strokes for styles in STYLES.values() for _, strokes in styles]
    read = [_read_style(strokes) for strokes in texts]
    most = max(len(points) for points, _ in read)
    points = np.zeros((len(read), most, 2))
    weights = np.zeros((len(read), _SAMPLES, most))
    for s, (style_points, style_weights) in enumerate(read):
        points[s, : len(style_points)] = style_points
        weights[s, :, : len(style_points)] = style_weights

    sizes = [len(styles) for styles in STYLES.values()]
    first = np.cumsum([0, *sizes[:-1]])
    bounds = np.ones((len(STYLES), max(sizes)))  # cumulated chances
    for label, styles in STYLES.items():
        shares = np.array([share for share, _ in styles], dtype=float)
        bounds[label, : len(styles)] = np.cumsum(shares) / shares.sum()
    return points, weights, first, bounds


_POINTS, _WEIGHTS, _FIRST_STYLE, _STYLE_BOUNDS = _read_styles()


def _slow_noise(rng: np.random.Generator, n: int, size: float, cycles: int) -> np.ndarray:
    """Noise ``(n, _SAMPLES)`` that changes smoothly along the pen's way, of the given deviation."""
    k = np.arange(1, cycles + 1)[:, None]
    angle = np.pi * k * np.linspace(0, 1, _SAMPLES)
    waves = np.concatenate([np.cos(angle) / k, np.sin(angle) / k])
    waves *= size / np.sqrt(np.sum(1 / k**2))
    return rng.standard_normal((n, 2 * cycles)) @ waves


def _write(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pen's way of each digit, ``(n, _SAMPLES, 2)`` of x and y, height about 1, origin amid."""
    n = len(labels)

    def normal(mean: float, deviation: float) -> np.ndarray:
        # Beyond two and a half deviations handwriting turns into scrawl.
        return mean + deviation * np.clip(rng.standard_normal((n, 1)), -2.5, 2.5)

    chance = rng.random((n, 1))
    style = _FIRST_STYLE[labels] + (chance >= _STYLE_BOUNDS[labels]).sum(axis=1)
    points = _POINTS[style]
    # Some people write with more care than others.
    carelessness = 0.027 * np.exp(normal(0, 0.35))[..., None]
    points = points + carelessness * rng.standard_normal(points.shape)
    way = _WEIGHTS[style] @ points
    x = way[..., 0] + _slow_noise(rng, n, 0.02, cycles=8)
    y = way[..., 1] + _slow_noise(rng, n, 0.02, cycles=8)

    # Bend: where the waist lies, which of top and bottom is the wider, bow of the uprights and of
    # the bars.  Then slant, width and turn.
    x, y = (
        x * (1 + normal(0, 0.26) * y) + normal(0, 0.2) * y**2 + normal(0, 0.3) * y**3,
        y + normal(0, 0.22) * (0.25 - y**2) + normal(0, 0.2) * x**2,
    )
    x = x * np.exp(normal(0, 0.19)) - normal(0.18, 0.24) * y
    turn = normal(0, 0.1)
    x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    return np.stack([x, y], axis=-1)


def _ink(way: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Ink a chunk of digits.

    Parameters
    ----------
    way : numpy.ndarray, shape (n, _SAMPLES, 2)
        x and y of the pen, in pixels of the field.
    radius : numpy.ndarray, shape (n, _SAMPLES)
        Radius of the pen's tip, in pixels.

    Returns
    -------
    numpy.ndarray, shape (n, _FIELD_SIDE, _FIELD_SIDE), uint8
    """
    n = len(way)
    nearest = np.rint(way).astype(np.int64)
    reach = np.arange(-_REACH, _REACH + 1)
    window = (reach[:, None] * _FIELD_SIDE + reach).ravel()
    corner = np.arange(n)[:, None] * _FIELD_SIDE**2
    centre = corner + nearest[..., 1] * _FIELD_SIDE + nearest[..., 0]

    # How far a pixel lies outside the tip is d - r = (d^2 - r^2) / (d + r), near the edge about
    # (d^2 - r^2) / 2r: no root to take, and a sum of one term in x and one in y.
    half = np.float32(0.5) / radius.astype(np.float32)[..., None]
    away = (nearest - way).astype(np.float32)
    reach = reach.astype(np.float32)
    from_x = (away[..., 0:1] + reach) ** 2 * half
    from_y = (away[..., 1:2] + reach) ** 2 * half - np.float32(0.25) / half

    outside = np.full(n * _FIELD_SIDE**2, np.float32(_BLANK))
    for k in range(_SAMPLES):
        pixels = centre[:, k, None] + window
        tip = (from_y[:, k, :, None] + from_x[:, k, None, :]).reshape(n, -1)
        outside[pixels] = np.minimum(outside[pixels], tip)
    ink = np.clip((outside - np.float32(_BLANK)) / np.float32(_FULL - _BLANK), 0, 1)
    return np.rint(255 * ink).astype(np.uint8).reshape(n, _FIELD_SIDE, _FIELD_SIDE)


def _cut_about_mass(field: np.ndarray) -> np.ndarray:
    """Cut from each field the 28x28 pixels with the ink's centre of mass nearest their middle."""
    position = np.arange(_FIELD_SIDE)
    starts = []
    for axis in (1, 2):  # sums over columns leave the rows, and the other way round
        profile = field.sum(axis=3 - axis, dtype=np.int64)
        mass = profile @ position / profile.sum(axis=1)
        starts.append(np.rint(mass - (IMAGE_SIDE - 1) / 2).astype(np.int64))
    inside = np.arange(IMAGE_SIDE)
    rows, columns = (np.clip(start, 0, 2 * _MARGIN)[:, None] + inside for start in starts)
    return field[np.arange(len(field))[:, None, None], rows[:, :, None], columns[:, None, :]]


def _draw_chunk(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n = len(labels)
    way = _write(labels, rng)
    pen = 1.18 * np.exp(0.25 * rng.standard_normal((n, 1)))
    pressure = np.exp(_slow_noise(rng, n, 0.10, cycles=6))
    radius = np.clip(pen * pressure, _MIN_RADIUS, _MAX_RADIUS)

    low, high = way.min(axis=1, keepdims=True), way.max(axis=1, keepdims=True)
    longer = (high - low).max(axis=2, keepdims=True)
    # The ink goes beyond the pen's way by the tip's radius, and by half a pixel for the edge.
    room = BOX_SIDE - 1 - 2 * radius.mean(axis=1)[:, None, None]
    way = (way - (low + high) / 2) * (room / longer) + (_FIELD_SIDE - 1) / 2
    return _cut_about_mass(_ink(way, radius))


def draw_digits(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a handwritten digit for each label.

    Parameters
    ----------
    labels : numpy.ndarray, shape (n,), integers 0..9
        What to draw.
    rng : numpy.random.Generator
        Where style, shape and pen of each digit come from.

    Returns
    -------
    numpy.ndarray, shape (n, 28, 28), uint8
        Grey images: 0 is the background, 255 full ink.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels must have one dimension, not the shape {labels.shape}")
    if labels.size and not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers, not {labels.dtype} such as {labels[0]}")
    wrong = labels[(labels < 0) | (labels > 9)]
    if wrong.size:
        raise ValueError(f"labels must be digits 0 to 9, not {wrong[0]}")

    images = np.empty((len(labels), IMAGE_SIDE, IMAGE_SIDE), dtype=np.uint8)
    for start in range(0, len(labels), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        images[chunk] = _draw_chunk(labels[chunk].astype(np.int64), rng)
    return images


def make_digits(
    n: int = 70_000, seed: int = DEFAULT_SEED, progress: Callable[[int], object] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make a whole set of digits, classes in random order and about equally many.

    The first digits do not depend on `n`: a short set is the beginning of a longer one.

    Parameters
    ----------
    n : int
        Number of digits.
    seed : int
        Two sets of one seed are equal byte by byte (on one version of NumPy).
    progress : callable, optional
        Called with the number of digits finished so far, now and then and at the end.

    Returns
    -------
    images : numpy.ndarray, shape (n, 784), uint8
        Images row by row: 0 is the background, 255 full ink.
    labels : numpy.ndarray, shape (n,), uint8
        The digits which the images show.
    """
    if n < 0:
        raise ValueError(f"the number of digits must not be negative, but is {n}")
    images = np.empty((n, IMAGE_SIDE**2), dtype=np.uint8)
    labels = np.empty(n, dtype=np.uint8)
    starts = range(0, n, _CHUNK)
    for start, child in zip(starts, np.random.SeedSequence(seed).spawn(len(starts)), strict=True):
        # The last chunk too is drawn whole, so that its digits are those of a longer set.
        rng = np.random.default_rng(child)
        chunk_labels = rng.integers(10, size=_CHUNK, dtype=np.uint8)
        chunk_images = draw_digits(chunk_labels, rng).reshape(_CHUNK, -1)
        stop = min(start + _CHUNK, n)
        labels[start:stop] = chunk_labels[: stop - start]
        images[start:stop] = chunk_images[: stop - start]
        if progress is not None:
            progress(stop)
    return images, labels
