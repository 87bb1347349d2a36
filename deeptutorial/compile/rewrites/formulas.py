"""Formulas with exact coefficients, two of which can be proved to be the same.

A `Formula` is a quotient of polynomials in variables, and in exponentials and softplus of such
polynomials. The sigmoid and the logarithms that costs are made of can be written in these:
sigmoid(t) = exp(t) / (1 + exp(t)), and log(sigmoid(t)) = t - softplus(t). What cannot be written so
is `UNKNOWN`, and what is made of an unknown formula is unknown.
"""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from pytensor.graph.basic import Variable

__all__ = ["UNKNOWN", "Formula", "agree", "exp", "log", "power", "sigmoid", "softplus"]

# Nothing that is looked for comes near these; a formula beyond them is unknown.
MOST_TERMS, MOST_BITS, LARGEST_POWER = 64, 2000, 8


class _Function(NamedTuple):
    """The exponential or the softplus of a polynomial, as an atom of other polynomials."""

    name: str
    argument: frozenset


# The coefficient of each product of atoms, which is the set of their powers. Powers of scalar
# variables and of exponentials may be negative.
_Polynomial = dict[frozenset[tuple[Variable | _Function, int]], Fraction]
ONE: _Polynomial = {frozenset(): Fraction(1)}


@dataclass(frozen=True)
class Formula:
    """A quotient of polynomials. An unknown one has no denominator."""

    numerator: _Polynomial
    denominator: _Polynomial

    @classmethod
    def of(cls, value: "Formula | Variable | float") -> "Formula":
        """Return an exact number, or a variable that may have any value, as a formula."""
        if isinstance(value, Formula):
            return value
        if isinstance(value, Variable):
            return _atom(value)
        return cls({frozenset(): Fraction(value)} if value else {}, ONE)

    def __add__(self, other) -> "Formula":
        other = Formula.of(other)
        numerator = _product(self.numerator, other.denominator)
        for m, c in _product(other.numerator, self.denominator).items():
            numerator[m] = numerator.get(m, 0) + c
        return _quotient(numerator, _product(self.denominator, other.denominator))

    def __mul__(self, other) -> "Formula":
        other = Formula.of(other)
        return _quotient(
            _product(self.numerator, other.numerator),
            _product(self.denominator, other.denominator),
        )

    def __truediv__(self, other) -> "Formula":
        """Divide; by what may be zero, whatever the scalars are, the quotient is unknown."""
        other = Formula.of(other)
        if not _is_nonzero(other.numerator):
            return UNKNOWN
        return self * _quotient(other.denominator, other.numerator)

    def __neg__(self) -> "Formula":
        return self * -1

    def __sub__(self, other) -> "Formula":
        return self + Formula.of(other) * -1


UNKNOWN = Formula({}, {})


def agree(one: Formula, other: Formula) -> bool:
    """Tell whether two formulas are proved to be the same in real arithmetic."""
    return bool(one.denominator and other.denominator) and (
        _product(one.numerator, other.denominator) == _product(other.numerator, one.denominator)
    )


def exp(t: Formula) -> Formula:
    if t.denominator != ONE:
        return UNKNOWN
    return _atom(*_function("exp", t)) if t.numerator else Formula.of(1)


def sigmoid(t: Formula) -> Formula:
    return exp(t) / (exp(t) + 1)


def softplus(t: Formula) -> Formula:
    """Return log(1 + exp(t))."""
    if t.denominator != ONE or not t.numerator:
        return UNKNOWN
    function, sign = _function("softplus", t)
    return _atom(function) + (t if sign < 0 else 0)  # softplus(-t) = softplus(t) - t


def log(t: Formula) -> Formula:
    """Return the logarithm of a quotient of exponentials, or of sums of two of them."""
    return _log_of_polynomial(t.numerator) - _log_of_polynomial(t.denominator)


def power(t: Formula, exponent: Formula) -> Formula:
    """Return an integer power."""
    k = exponent.numerator.get(frozenset(), 0)
    if not agree(exponent, Formula.of(k)) or k not in range(-LARGEST_POWER, LARGEST_POWER + 1):
        return UNKNOWN
    result = Formula.of(1)
    for _ in range(abs(int(k))):
        result = result * t if k > 0 else result / t
    return result


def _atom(atom, k=1):
    return Formula({frozenset({(atom, k)}): Fraction(1)}, ONE)


def _function(name, t):
    """Return f(t) or f(-t) as an atom, and 1 or -1 to tell which.

    Only one of the two becomes an atom, so that the other one is known to be made of it.
    """
    sign = 1 if t.numerator[min(t.numerator, key=hash)] > 0 else -1
    return _Function(name, frozenset((t * sign).numerator.items())), sign


def _product(p, q):
    product: Counter[frozenset] = Counter()
    for m, c in p.items():
        for n, d in q.items():
            powers = Counter(dict(m))
            powers.update(dict(n))
            product[frozenset((atom, k) for atom, k in powers.items() if k)] += c * d
    return {m: c for m, c in product.items() if c}


def _quotient(numerator, denominator):
    if len(denominator) == 1:
        ((m, c),) = denominator.items()
        inverse = {frozenset((atom, -k) for atom, k in m): 1 / c}
        numerator, denominator = _product(numerator, inverse), ONE
    for p in (numerator, denominator):
        numbers = [number for c in p.values() for number in c.as_integer_ratio()]
        if len(p) > MOST_TERMS or any(number.bit_length() > MOST_BITS for number in numbers):
            return UNKNOWN
    return Formula({m: c for m, c in numerator.items() if c}, denominator)


def _is_exponential(atom):
    return isinstance(atom, _Function) and atom.name == "exp"


def _is_scalar(atom):
    return isinstance(atom, Variable) and atom.ndim == 0


def _is_nonzero(p):
    """Tell whether this is a polynomial in scalars, or one times a sum of exponentials.

    What a graph divides by a scalar it divides by it after the rewrite too, so it may be zero.
    """
    scalar_factors = {frozenset(part for part in m if _is_scalar(part[0])) for m in p}
    others = {atom for m in p for atom, _ in m if not _is_scalar(atom)}
    if not others:
        return bool(p)
    signs = {c > 0 for c in p.values()}
    return all(map(_is_exponential, others)) and len(scalar_factors) == len(signs) == 1


def _log_of_polynomial(p):
    logarithms = []
    for m, c in p.items():
        if c != 1 or not all(_is_exponential(atom) for atom, _ in m):
            return UNKNOWN
        exponents = (Formula(dict(atom.argument), ONE) * k for atom, k in m)
        logarithms.append(sum(exponents, start=Formula.of(0)))
    match logarithms:
        case [one]:
            return one
        case [one, other]:
            return one + softplus(other - one)
    return UNKNOWN
