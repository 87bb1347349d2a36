"""Loops in graphs: `pytensor.scan` with what Theano's returned."""

import warnings
from contextlib import contextmanager

import pytensor
from pytensor.graph.basic import Variable
from pytensor.scan import views
from pytensor.scan.utils import until

from deeptutorial.theano.updates import OrderedUpdates

__all__ = ["foldl", "foldr", "map", "reduce", "scan", "until"]


def scan(
    fn,
    sequences=None,
    outputs_info=None,
    non_sequences=None,
    n_steps=None,
    truncate_gradient=-1,
    go_backwards=False,
    mode=None,
    name=None,
    profile=False,
    allow_gc=None,
    strict=False,
    return_list=False,
):
    """`pytensor.scan`, whose updates are still returned, as `OrderedUpdates`."""
    arguments = dict(locals())
    if isinstance(non_sequences, Variable):
        arguments["non_sequences"] = [non_sequences]
    return _with_updates(pytensor.scan, **arguments)


def map(*arguments, **options):
    """`pytensor.map`, with the updates."""
    return _with_updates(views.map, *arguments, **options)


def reduce(*arguments, **options):
    """`pytensor.scan.views.reduce`, with the updates."""
    return _with_updates(views.reduce, *arguments, **options)


def foldl(*arguments, **options):
    """`pytensor.scan.views.foldl`, with the updates."""
    return _with_updates(views.foldl, *arguments, **options)


def foldr(*arguments, **options):
    """`pytensor.scan.views.foldr`, with the updates."""
    return _with_updates(views.foldr, *arguments, **options)


def _with_updates(loop, *arguments, **options):
    with _unasked_advice():
        outputs, updates = loop(*arguments, **options)
    return outputs, OrderedUpdates(updates)


@contextmanager
def _unasked_advice():
    """Leave out PyTensor's warnings that updates of scan will go away."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Scan return signature will change", DeprecationWarning)
        warnings.filterwarnings("ignore", "Setting default_update is", DeprecationWarning)
        yield
