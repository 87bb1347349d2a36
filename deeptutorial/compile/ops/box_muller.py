r"""Normal numbers in pairs, by Box and Muller's formula [1]_ in whole numbers.

Of a uniform :math:`u` in (0, 1) and a uniform angle :math:`\theta`, the numbers

.. math:: \sqrt{-2 \log u} \; \cos \theta, \qquad \sqrt{-2 \log u} \; \sin \theta

are normal and independent. They are to be the same ones wherever they are made, and floating-point
numbers are not: each library has a logarithm and a cosine of its own, and a compiler may round a
product and a sum once or twice. Whole numbers can be added, multiplied and shifted in one way only.
So the three functions are polynomials in numbers of up to 63 bits here. What is left to floats is
the square root and a product, which IEEE 754 defines to the last bit.

References
----------
.. [1] G. E. P. Box, M. E. Muller: A note on the generation of random normal deviates.
   Annals of Mathematical Statistics 29, 1958.
"""

__all__ = ["RADIUS_UNIT", "radius_and_angle"]

RADIUS_UNIT = 2.0**-90
"""Of a radius, the root of a squared one of `radius_and_angle`, times its cosine or sine."""


def _fixed(coefficients: list[float], bits: int, more: int = 0) -> list[int]:
    """Return numbers in units of 2^-bits, those of each next one smaller by 2^-more."""
    return [round(c * 2.0 ** (bits + more * k)) for k, c in enumerate(coefficients)]


# What a factor 1/2 of u, and 1/1.5, adds to -2 log u.
_TWO, _ONE_AND_A_HALF = _fixed([2 * 0.6931471805599453, 2 * 0.4054651081081644], 56)
# Best approximations with no coefficient below zero, largest relative error 1e-10.
# -log(1 - d) / d for d up to 1/3
_LOG = _fixed(
    [1.0, 0.49999997742, 0.33333532854, 0.24994109267, 0.20080564828, 0.16107708203,
     0.16097088485, 0.11743603071, 0.0, 0.3517405011], 32,
)  # fmt: skip
# cos(t) and sin(t) / x, of 1 - x^2, for t = pi/4 x up to pi/4
_COSINE = 0.707106781234
_COSINE_REST = _fixed([0.277680181271, 0.0148976882534, 0.000311819397404, 3.5297971343e-6], 31, 1)
_SINE = _fixed(
    [0.70710678119, 0.0758732067891, 0.0023825300124, 3.53364058841e-5, 3.08996686634e-7], 31, 1
)


def radius_and_angle(high, low):
    """Make a squared radius, and the cosine and sine of an angle, of 64 random bits.

    The normal numbers are ``r * float64(cosine)`` and ``r * float64(sine)``, where r is
    ``sqrt(float64(squared_radius)) * RADIUS_UNIT``; each step rounds to the nearest number. Their
    relative error is below 3e-9, and none is beyond 6.661, the root of 64 log 2.

    Parameters
    ----------
    high, low : whole numbers from 0 to 2^32 - 1
        Arrays of int64 of NumPy, JAX or PyTorch, or anything else with their operators. Only
        numbers that are not negative are shifted, and those of which the sign bit is all that
        matters: a shift may fill up with zeros or with the sign.

    Returns
    -------
    squared_radius, cosine, sine : as `high` and `low`
        In units of 2^-56 and 2^-62.
    """
    # u = x / 2^(32 + halvings), where x is made at least half of 2^32.
    x = high | 1
    halvings = high & 0
    for n in (16, 8, 4, 2, 1):
        places = _is_below(x, 2 ** (32 - n)) * n
        x, halvings = x << places, halvings + places
    # It may have two thirds, too: then what is missing, d, is at most a third.
    low_half = -_is_below(x, -(-(2**33) // 3))
    x = x + ((x >> 1) & low_half)
    d = -x + 2**32
    squared_radius = halvings * _TWO + (low_half & _ONE_AND_A_HALF)
    squared_radius = squared_radius + ((d * _polynomial(_LOG, d)) >> 7)

    # The angle: an eighth of the circle, of which a bit each makes a quarter, a half, the whole.
    x = (low & (2**30 - 1)) * 2 + 1
    rest = (-(x * x) + 2**62) >> 31
    cosine = rest * _polynomial(_COSINE_REST, rest) + round(_COSINE * 2**62)
    sine = x * _polynomial(_SINE, rest)
    exchanged = (cosine ^ sine) & -(low >> 31)
    return (
        squared_radius,
        _negated(cosine ^ exchanged, high & 1),
        _negated(sine ^ exchanged, (low >> 30) & 1),
    )


def _is_below(x, limit: int):
    """Return 1 or 0."""
    return ((x - limit) >> 63) & 1


def _polynomial(coefficients: list[int], x):
    """Evaluate by Horner's rule; products are in units smaller by 2^-32."""
    *others, p = coefficients
    for c in reversed(others):
        p = ((x * p) >> 32) + c
    return p


def _negated(x, sign):
    """Return x, or -x where `sign` is 1 and not 0."""
    sign = -sign
    return (x ^ sign) - sign
