"""What names meant in Python 2, for the modules that are translated from it."""

import builtins
import codecs
import csv
import functools
import importlib
import importlib.util
import io
import math
import operator
import pickle
import sys
import types
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import ItemsView, KeysView, ValuesView

import numpy as np
from pytensor.graph.basic import Variable

__all__ = ["BUILTINS", "divide"]


def divide(a, b):
    """Divide as ``/`` did: two whole numbers, or arrays or symbols of them, give whole ones."""
    return a // b if _is_whole(a) and _is_whole(b) else a / b


def _divide_in_place(a, b):
    both_whole = _is_whole(a) and _is_whole(b)
    return (operator.ifloordiv if both_whole else operator.itruediv)(a, b)


def _is_whole(value) -> bool:
    if isinstance(value, int | np.integer | np.bool_):
        return True
    if isinstance(value, np.ndarray | Variable):
        dtype = getattr(value, "dtype", None)  # of a variable a text, of some none
        return dtype is not None and np.dtype(dtype).kind in "iub"
    return False


def _listed(result):
    """Make a list of what a mapping's ``keys()`` returns; another object's is left as it is."""
    return list(result) if isinstance(result, KeysView | ValuesView | ItemsView) else result


def _method(owner, name: str):
    """Return a method that an object had in Python 2."""
    if name == "sort" and isinstance(owner, list):
        return functools.partial(_sort, owner)
    if hasattr(owner, name):
        return getattr(owner, name)
    if name == "next":
        return owner.__next__
    if name == "has_key":
        return owner.__contains__
    if name == "tostring":
        return owner.tobytes
    if name.startswith("iter"):
        view = getattr(owner, name.removeprefix("iter"))
        return lambda: iter(view())
    return getattr(owner, name)


def _sort(values: list, cmp=None, key=None, reverse=False) -> None:
    values[:] = _sorted(values, cmp, key, reverse)


def _sorted(values, cmp=None, key=None, reverse=False) -> list:
    if cmp is not None:
        compare = functools.cmp_to_key(cmp)
        own_key = key
        key = compare if own_key is None else lambda value: compare(own_key(value))
    return sorted(values, key=key, reverse=reverse)


def _map(function, *sequences) -> list:
    lists = [list(each) for each in sequences]
    longest = max(map(len, lists))
    rows = zip(*(each + [None] * (longest - len(each)) for each in lists), strict=True)
    if function is None:
        return [row[0] for row in rows] if len(lists) == 1 else list(rows)
    return [function(*row) for row in rows]


def _filter(function, values):
    kept = list(filter(function, values))
    if isinstance(values, str):
        return "".join(kept)
    return tuple(kept) if isinstance(values, tuple) else kept


def _xrange(*limits):
    return range(*map(int, limits))


def _round(number, digits=0):
    """Round half away from zero, to a float."""
    scale = 10.0**digits
    return math.copysign(math.floor(abs(number) * scale + 0.5) / scale, number)


def _compare(a, b) -> int:
    return (a > b) - (a < b)


def _execfile(path, globals=None, locals=None):
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    exec(code, sys._getframe(1).f_globals if globals is None else globals, locals)


def _reload(module):
    return module if module is sys else importlib.reload(module)


class _Writer(io.BufferedWriter):
    """A binary file that takes text too, since a text of Python 2 was bytes."""

    def write(self, data):
        return super().write(_as_bytes(data))


class _Random(io.BufferedRandom):
    """The same for a file that is read and written."""

    def write(self, data):
        return super().write(_as_bytes(data))


class _TextFile(io.TextIOWrapper):
    """A text file that takes bytes too; what is not UTF-8 in it comes out as it went in."""

    def write(self, data):
        if isinstance(data, str):
            return super().write(data)
        self.flush()
        return self.buffer.write(data)


def _as_bytes(data):
    return data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data


def _open(name, mode="r", buffering=-1):
    """Open a file; on a text one the lines' ends are left as they are, but for the mode U."""
    universal, binary = "U" in mode, "b" in mode
    kind = mode.replace("U", "").replace("b", "").replace("t", "") or "r"
    raw: io.BufferedReader | _Random | _Writer
    if kind == "r":
        raw = builtins.open(name, "rb")  # noqa: SIM115
    elif "+" in kind:
        raw = _Random(io.FileIO(name, kind))
    else:
        raw = _Writer(io.FileIO(name, kind))
    if binary:
        return raw
    newline = None if universal else "\n"
    line_by_line = buffering in (0, 1)
    return _TextFile(raw, "utf-8", "surrogateescape", newline, line_by_line)


def _module(name: str, like: types.ModuleType, **names) -> types.ModuleType:
    module = types.ModuleType(name, like.__doc__)
    vars(module).update({k: v for k, v in vars(like).items() if not k.startswith("__")})
    vars(module).update(names)
    return module


def _pickles() -> types.ModuleType:
    """Return the module ``cPickle``: files of Python 2 can be read, and what it writes by it."""

    def load(file):
        if isinstance(file, io.StringIO):
            content = io.BytesIO(file.read().encode("latin-1"))
            return pickle.load(content, encoding="latin1")
        return pickle.load(_bytes_of(file), encoding="latin1")

    def loads(data):
        data = data.encode("latin-1", "surrogateescape") if isinstance(data, str) else data
        return pickle.loads(data, encoding="latin1")

    def dump(value, file, protocol=0):
        data = dumps(value, protocol)
        if isinstance(file, io.StringIO):
            file.write(data.decode("latin-1"))
        else:
            file.flush()
            _bytes_of(file).write(data)

    def dumps(value, protocol=0):
        return pickle.dumps(value, 2 if protocol < 0 else min(protocol, 2))

    return _module(
        "cPickle",
        pickle,
        load=load,
        loads=loads,
        dump=dump,
        dumps=dumps,
        Unpickler=functools.partial(pickle.Unpickler, encoding="latin1"),
        HIGHEST_PROTOCOL=2,
    )


def _bytes_of(file):
    return file.buffer if isinstance(file, io.TextIOWrapper) else file


def _text_lines(file):
    """Return the lines of a file as text, though it was opened as binary: so csv wanted it."""
    if isinstance(file, io.BufferedIOBase):
        return codecs.iterdecode(file, "utf-8", "surrogateescape")
    return file


def _tables() -> types.ModuleType:
    class DictReader(csv.DictReader):
        def __init__(self, file, *arguments, **options):
            super().__init__(_text_lines(file), *arguments, **options)

    def reader(file, *arguments, **options):
        return csv.reader(_text_lines(file), *arguments, **options)

    return _module("csv", csv, reader=reader, DictReader=DictReader)


_PICKLE, _CSV = _pickles(), _tables()
_STRING_IO = _module("StringIO", types.ModuleType("StringIO"), StringIO=io.StringIO)
_URLLIB2 = _module("urllib2", urllib.request, **vars(urllib.error), quote=urllib.parse.quote)

_MODULES = {
    "cPickle": _PICKLE,
    "pickle": _PICKLE,
    "csv": _CSV,
    "StringIO": _STRING_IO,
    "cStringIO": _STRING_IO,
    "urllib2": _URLLIB2,
}
_RENAMED = {
    "ConfigParser": "configparser",
    "HTMLParser": "html.parser",
    "Queue": "queue",
    "SocketServer": "socketserver",
    "Tkinter": "tkinter",
    "__builtin__": "builtins",
    "commands": "subprocess",
    "cookielib": "http.cookiejar",
    "copy_reg": "copyreg",
    "httplib": "http.client",
    "thread": "_thread",
    "urlparse": "urllib.parse",
}


def _import(name, globals=None, locals=None, fromlist=(), level=0):
    """Import a module by its name in Python 2, from the package itself first."""
    if level <= 0:
        package = (globals or {}).get("__package__")
        first = name.partition(".")[0]
        if package and importlib.util.find_spec(f"{package}.{first}") is not None:
            return builtins.__import__(name, globals, locals, fromlist, 1)
        if name in _MODULES:
            return _MODULES[name]
        if name in _RENAMED:
            return importlib.import_module(_RENAMED[name])
    return builtins.__import__(name, globals, locals, fromlist, max(level, 0))


BUILTINS = vars(builtins) | {
    "__divide__": divide,
    "__divide_in_place__": _divide_in_place,
    "__import__": _import,
    "__listed__": _listed,
    "__method__": _method,
    "StandardError": Exception,
    "apply": lambda function, args=(), kwargs={}: function(*args, **kwargs),
    "basestring": str,
    "cmp": _compare,
    "execfile": _execfile,
    "file": _open,
    "filter": _filter,
    "input": lambda prompt="": eval(input(prompt)),
    "intern": sys.intern,
    "long": int,
    "map": _map,
    "open": _open,
    "range": lambda *limits: list(range(*limits)),
    "raw_input": input,
    "reduce": functools.reduce,
    "reload": _reload,
    "round": _round,
    "sorted": _sorted,
    "unichr": chr,
    "unicode": str,
    "xrange": _xrange,
    "zip": lambda *sequences: list(zip(*sequences)),  # noqa: B905
}
"""The builtin names of a module of Python 2, and what its translation calls."""
