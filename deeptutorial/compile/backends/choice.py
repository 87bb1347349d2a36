"""Which engine runs compiled functions, and on which device."""

import re

import pytensor

from deeptutorial.compile.backends.c.choice import choose as choose_c
from deeptutorial.compile.backends.devices import BackendError
from deeptutorial.compile.backends.jax.choice import choose as choose_jax
from deeptutorial.compile.backends.jax.collected_calls import finish_calls
from deeptutorial.compile.backends.numba.choice import choose as choose_numba
from deeptutorial.compile.backends.pytorch.choice import choose as choose_pytorch
from deeptutorial.held_signals import SignalsHeld

__all__ = ["BACKENDS", "use"]

CHOOSERS = {"numba": choose_numba, "c": choose_c, "jax": choose_jax, "pytorch": choose_pytorch}
BACKENDS = tuple(CHOOSERS)


def use(backend: str = "numba", device: str = "auto") -> str:
    """Choose what runs the functions that are compiled from now on.

    It sets ``pytensor.config.mode``, which ``pytensor.function`` follows where it is not given a
    mode. Set ``pytensor.config.floatX`` before. JAX and PyTorch keep the values of shared variables
    on their device. A function for Numba brings those that it has in common with one of them back
    to the host, each time; between others `BackendError` is raised where the second is compiled.

    Parameters
    ----------
    backend : {"numba", "c", "jax", "pytorch"}
    device : {"auto", "cpu", "cuda", "cuda:0", "cuda:1", ..., "all"}
        "auto" is a GPU where the backend can use one and finds one, and otherwise the CPU. "all",
        for JAX alone, divides the rows of each minibatch among all devices, which are those of all
        processes where ``jax.distributed.initialize`` has brought several together; costs and
        parameters are those of one device, to rounding.

    Returns
    -------
    str
        What runs where, for people.

    Raises
    ------
    BackendError
        If the backend's package or compiler is not installed, or there is no such device. Nothing
        is changed then.

    Examples
    --------
    >>> import deeptutorial
    >>> deeptutorial.use("numba")  # doctest: +SKIP
    'Numba 0.65.1 on the CPU, 2 threads'
    """
    if backend not in CHOOSERS:
        raise BackendError(f"unknown backend {backend}: choose one of {', '.join(BACKENDS)}")
    if not re.fullmatch(r"auto|all|cpu|cuda(:\d+)?", device):
        raise BackendError(
            f"unknown device {device}: choose auto, all, cpu, cuda, or cuda:1 and so on"
        )
    if device == "all" and backend != "jax":
        raise BackendError(
            f"the backend {backend} runs on one device; for all of them: --backend jax"
        )
    with SignalsHeld():  # an engine is imported, and looks for its devices
        mode, description = CHOOSERS[backend](device)
    finish_calls()
    pytensor.config.mode = mode
    return description
