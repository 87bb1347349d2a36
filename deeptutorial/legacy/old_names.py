"""Names that NumPy, SciPy, Pillow and the standard library have given up since old scripts."""

import collections
import collections.abc
import fractions
import inspect
import itertools
import math
import operator
import os
import string
import sys
import time
import types
import urllib
import urllib.parse
import urllib.request

import numpy as np
import scipy
import scipy.special
from PIL import Image

from deeptutorial.legacy.python2 import divide

__all__ = ["restore"]


def restore() -> None:
    """Put the names back, in this process, where they are missing."""
    for owner, names in _names().items():
        for name, value in names.items():
            if name not in vars(owner):
                setattr(owner, name, value)
    sys.modules["scipy.misc"] = scipy.misc = _scipy_misc()


def _names() -> dict[types.ModuleType | type, dict]:
    abc = {name: getattr(collections.abc, name) for name in collections.abc.__all__}
    return {
        collections: abc,
        fractions: {"gcd": math.gcd},
        inspect: {"getargspec": lambda function: inspect.getfullargspec(function)[:4]},
        itertools: {
            "ifilter": filter,
            "ifilterfalse": itertools.filterfalse,
            "imap": map,
            "izip": zip,
            "izip_longest": itertools.zip_longest,
        },
        operator: {"div": divide, "isCallable": callable},
        os: {"getcwdu": os.getcwd},
        string: {
            "atof": float,
            "atoi": int,
            "join": lambda words, sep=" ": sep.join(words),
            "letters": string.ascii_letters,
            "lower": str.lower,
            "lowercase": string.ascii_lowercase,
            "maketrans": str.maketrans,
            "replace": str.replace,
            "split": str.split,
            "strip": str.strip,
            "upper": str.upper,
            "uppercase": string.ascii_uppercase,
        },
        sys: {"maxint": sys.maxsize, "setdefaultencoding": lambda encoding: None},
        time: {"clock": time.process_time},
        types: {
            "DictType": dict,
            "FloatType": float,
            "IntType": int,
            "ListType": list,
            "LongType": int,
            "StringType": str,
            "StringTypes": (str,),
            "TupleType": tuple,
            "UnicodeType": str,
        },
        urllib: {
            "quote": urllib.parse.quote,
            "unquote": urllib.parse.unquote,
            "urlencode": urllib.parse.urlencode,
            "urlopen": urllib.request.urlopen,
            "urlretrieve": lambda *args, **kwargs: urllib.request.urlretrieve(*args, **kwargs),
        },
        np: _numpy_names(),
        np.random: {"random_integers": _random_integers},
        Image: {"ANTIALIAS": Image.Resampling.LANCZOS, "fromstring": Image.frombytes},
        Image.Image: {"tostring": Image.Image.tobytes},
    }


def _random_integers(low, high=None, size=None):
    """Draw from NumPy's global generator, which old scripts seed."""
    low, high = (1, low) if high is None else (low, high)
    return np.random.randint(low, high + 1, size)  # noqa: NPY002


def _numpy_names() -> dict:
    return {
        "Inf": np.inf,
        "Infinity": np.inf,
        "NAN": np.nan,
        "NINF": -np.inf,
        "NaN": np.nan,
        "PINF": np.inf,
        "alen": len,
        "alltrue": np.all,
        "asfarray": lambda a, dtype=np.float64: np.asarray(a, dtype),
        "asscalar": lambda a: a.item(),
        "bool": bool,
        "complex": complex,
        "complex_": np.complex128,
        "cumproduct": np.cumprod,
        "float": float,
        "float_": np.float64,
        "in1d": lambda *args, **kwargs: np.isin(*args, **kwargs).ravel(),
        "infty": np.inf,
        "int": int,
        "long": int,
        "msort": lambda a: np.sort(a, axis=0),
        "object": object,
        "product": np.prod,
        "rank": np.ndim,
        "round_": np.round,
        "row_stack": np.vstack,
        "sometrue": np.any,
        "str": str,
        "string_": np.bytes_,
        "trapz": getattr(np, "trapezoid", None),
        "unicode": str,
        "unicode_": np.str_,
    }


def _scipy_misc() -> types.ModuleType:
    """Make the module of odds and ends, whose functions went to other modules, or away."""
    module = types.ModuleType("scipy.misc")
    special = (getattr(scipy.special, name) for name in ("comb", "factorial", "logsumexp"))
    for function in (imread, imresize, imsave, toimage, *special):
        setattr(module, function.__name__, function)
    return module


def toimage(arr, high=255, low=0, cmin=None, cmax=None, mode=None) -> Image.Image:
    """Make a picture of an array; its values are stretched to `low` … `high`, unless bytes."""
    data = np.asarray(arr)
    if data.dtype != np.uint8:
        lowest = data.min() if cmin is None else cmin
        highest = data.max() if cmax is None else cmax
        scale = (high - low) / ((highest - lowest) or 1)
        data = np.clip((data - lowest) * scale + low, low, high) + 0.5
    return Image.fromarray(data.astype(np.uint8)).convert(mode)


def imsave(name, arr, format=None) -> None:
    """Save an array as a picture, its values stretched from black to white, unless bytes."""
    toimage(arr).save(name, format)


def imread(name, flatten=False, mode=None) -> np.ndarray:
    """Read a picture into an array; flattened, its grey values as floats."""
    with Image.open(name) as image:
        return np.asarray(image.convert("F" if flatten else mode))


def imresize(arr, size, interp="bilinear", mode=None) -> np.ndarray:
    """Resize a picture to a part (float), a percentage (int) or a (height, width)."""
    image = toimage(arr, mode=mode)
    if isinstance(size, int | float | np.number):
        part = size / 100 if isinstance(size, int | np.integer) else size
        size = round(image.height * part), round(image.width * part)
    resampling = Image.Resampling[interp.upper()]
    return np.asarray(image.resize((size[1], size[0]), resampling))
