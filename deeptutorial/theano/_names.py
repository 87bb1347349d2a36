"""Names that this package does not define: PyTensor's own, or an error that says why not."""

import importlib

__all__ = ["GONE", "MOVED", "explanation", "lookup"]

GONE = {
    "theano.sandbox.cuda": "Theano's code for NVIDIA cards went with Theano; leave the import out, "
    "and set device=cuda, or call deeptutorial.use('jax'), to compute on a card",
    "theano.gpuarray": "Theano's code for NVIDIA cards went with Theano; leave the import out, "
    "and set device=cuda, or call deeptutorial.use('jax'), to compute on a card",
    "theano.sandbox.gpuarray": "it is Theano's code for NVIDIA cards, and went with Theano; leave "
    "the import out, and set device=cuda to compute on a card",
    "theano.gof": "the graph's machinery is another one; Apply, Op, Type and Variable are "
    "theano.Apply and so on, and for the rest see pytensor.graph",
    "theano.misc": "Theano's own scripts and checks are not part of PyTensor",
    "theano.tests": "Theano's own tests are not part of PyTensor",
    "theano.tensor.opt": "its rewrites are in pytensor.tensor.rewriting, under other names",
    "theano.tensor.raw_random": "draw from theano.tensor.shared_randomstreams.RandomStreams",
    "theano.scan_module.scan_op": "see pytensor.scan.op, where its arguments are others",
    "theano.compile.function_module": "see pytensor.compile.executor and pytensor.compile.maker",
    "theano.compile.profilemode": "pass profile=True to theano.function",
}
"""What this package cannot give, with the reason and what to do. What is below one is gone too."""

MOVED = {
    "theano.tensor.basic": "deeptutorial.theano.tensor",
    "theano.tensor.var": "pytensor.tensor.variable",
    "theano.tensor.nnet.nnet": "deeptutorial.theano.tensor.nnet",
    "theano.tensor.nnet.sigm": "deeptutorial.theano.tensor.nnet",
    "theano.tensor.signal.downsample": "deeptutorial.theano.tensor.signal.pool",
    "theano.compile.mode": "deeptutorial.theano.compile",
    "theano.compile.pfunc": "deeptutorial.theano.compile",
    "theano.compile.function": "deeptutorial.theano.compile",
    "theano.compile.nanguardmode": "pytensor.compile.debug.nanguardmode",
    "theano.compile.debugmode": "pytensor.compile.debug.debugmode",
    "theano.scan_module": "deeptutorial.theano._scan",
    "theano.configparser": "deeptutorial.theano._config",
    "theano.sandbox.softsign": "deeptutorial.theano.tensor.nnet",
}
"""Modules that are elsewhere, or are in one file with another here."""


def explanation(name: str) -> str | None:
    """Return why a name of Theano is not to be had here; None where nothing is known of it."""
    for gone, reason in GONE.items():
        if name == gone or name.startswith(gone + "."):
            return f"{gone} is not to be had on PyTensor: {reason}"
    return None


def lookup(name: str, module: str, *elsewhere: str):
    """Find an attribute that a module of this package does not define itself.

    Parameters
    ----------
    name : str
    module : str
        The module's name in Theano.
    *elsewhere : str
        PyTensor's modules to look in, the first one first; their submodules count too.

    Raises
    ------
    AttributeError
        With the reason, where it is known.
    """
    full = f"{module}.{name}"
    reason = explanation(full)
    if reason is None and not name.startswith("__"):
        if full in MOVED:
            return importlib.import_module(MOVED[full])
        for place in elsewhere:
            found = getattr(importlib.import_module(place), name, None)
            if found is not None:
                return found
        for place in (__package__ + full.removeprefix("theano").rpartition(".")[0], *elsewhere):
            try:
                return importlib.import_module(f"{place}.{name}")
            except ModuleNotFoundError:
                continue
        reason = f"{full} is not known here, nor does PyTensor have {name} in " + " or ".join(
            elsewhere
        )
    raise AttributeError(reason or f"module '{module}' has no attribute {name!r}")
