"""The old imports: ``import theano`` finds this package."""

import importlib
import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

from deeptutorial.theano._names import MOVED, explanation

__all__ = ["install"]


def install() -> None:
    """Let ``import theano``, and of all below it, find this package from now on in this process.

    Raises
    ------
    ImportError
        If another module named ``theano`` is imported already, Theano itself say: the variables of
        two such packages must not meet in one graph.

    Examples
    --------
    >>> import deeptutorial.theano
    >>> deeptutorial.theano.install()
    >>> import theano.tensor as T
    >>> from theano.sandbox.rng_mrg import MRG_RandomStreams
    """
    ours = sys.modules[__package__]
    present = sys.modules.setdefault("theano", ours)
    if present is not ours:
        raise ImportError(
            f"another theano is imported already, {getattr(present, '__file__', present)}: install "
            "deeptutorial.theano before anything imports that one"
        )


class _Finder(MetaPathFinder, Loader):
    """Finds ``theano.x`` as ``deeptutorial.theano.x``, or else as ``pytensor.x``.

    Of what is not to be had it says why, under both names.
    """

    def find_spec(self, fullname, path=None, target=None):
        old_name = fullname.removeprefix("deeptutorial.")
        if not old_name.startswith("theano."):
            return None
        if sys.modules.get("theano") is not sys.modules[__package__] and old_name == fullname:
            return None
        reason = explanation(old_name)
        if reason is not None:
            raise ImportError(reason, name=fullname)
        if old_name != fullname:
            return None
        place = _place(fullname)
        if place is None:
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: neither here, in deeptutorial.theano, nor in "
                "PyTensor is there one of that name",
                name=fullname,
            )
        return ModuleSpec(fullname, self, loader_state=place)

    def exec_module(self, module):
        # The import system takes what is in sys.modules after this, not the module it was given.
        place = module.__spec__.loader_state
        sys.modules[module.__name__] = importlib.import_module(place)


def _place(fullname: str) -> str | None:
    """Return the name of the module that stands for one of Theano's; None where there is none."""
    if fullname in MOVED:
        return MOVED[fullname]
    below = fullname.removeprefix("theano")
    for package in (__package__, "pytensor"):
        try:
            if importlib.util.find_spec(package + below) is not None:
                return package + below
        except ModuleNotFoundError:  # its parent is none of that package's
            continue
    return None


sys.meta_path.insert(0, _Finder())
