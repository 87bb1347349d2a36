"""Which engine runs compiled functions, and on which device."""

import os
import re
import shlex
import sysconfig
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytensor
import scipy
from pytensor.compile.mode import Mode, predefined_modes

from deeptutorial.compile.collected_calls import finish_calls
from deeptutorial.compile.modes import quick_mode

__all__ = ["BACKENDS", "BackendError", "use"]

BACKENDS = ("numba", "c", "jax", "pytorch")


class BackendError(RuntimeError):
    """A backend or a device that is not to be had; the message tells what would be needed."""


def use(backend: str = "numba", device: str = "auto") -> str:
    """Choose what runs the functions that are compiled from now on.

    It sets ``pytensor.config.mode``, which ``pytensor.function`` follows where it is not given a
    mode. Set ``pytensor.config.floatX`` before. JAX and PyTorch keep the values of shared variables
    on their device: functions that have one in common are to be compiled for the same backend.

    Parameters
    ----------
    backend : {"numba", "c", "jax", "pytorch"}
    device : {"auto", "cpu", "cuda", "cuda:0", "cuda:1", ...}
        "auto" is a GPU where the backend can use one and finds one, and otherwise the CPU.

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
    if backend not in _CHOOSERS:
        raise BackendError(f"unknown backend {backend}: choose one of {', '.join(BACKENDS)}")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise BackendError(f"unknown device {device}: choose auto, cpu, cuda, or cuda:1 and so on")
    mode, description = _CHOOSERS[backend](device)
    finish_calls()
    pytensor.config.mode = mode
    return description


def _numba(device: str) -> tuple[Mode, str]:
    _refuse_gpu("numba", device)
    return quick_mode(predefined_modes["NUMBA"]), f"Numba {version('numba')} on the CPU"


def _c(device: str) -> tuple[Mode, str]:
    _refuse_gpu("c", device)
    compiler = pytensor.config.cxx
    if not compiler:
        raise BackendError(
            "PyTensor finds no C++ compiler: apt install g++ (or xcode-select --install, or "
            "conda install gxx), or choose --backend numba"
        )
    if not os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")):
        raise BackendError("Python's header files are not installed: apt install python3-dev")
    with warnings.catch_warnings():
        # PyTensor looks for a BLAS now, and complains if there is none; SciPy has one.
        warnings.filterwarnings("ignore", "PyTensor could not link to a BLAS", UserWarning)
        if not pytensor.config.blas__ldflags:
            pytensor.config.blas__ldflags = _scipy_blas()
    blas = "" if pytensor.config.blas__ldflags else ", slowly, without a BLAS"
    return predefined_modes["CVM"], f"C++ ({os.path.basename(compiler)}) on the CPU{blas}"


def _scipy_blas() -> str:
    """Return the linker's flags for the OpenBLAS that comes with SciPy; none where it is not there.

    Its functions have names of their own, which the compiler is told.
    """
    libraries = Path(scipy.__file__).parents[1] / "scipy.libs"
    library = next(iter(sorted(libraries.glob("libscipy_openblas-*.so"))), None)
    if library is None:
        return ""
    functions = (kind + name for kind in "sd" for name in ("gemm_", "gemv_", "ger_", "dot_"))
    renamed = [f"-D{function}=scipy_{function}" for function in functions]
    place = [f"-L{libraries}", f"-Wl,-rpath,{libraries}", f"-l{library.stem.removeprefix('lib')}"]
    return shlex.join(place + renamed)


def _jax(device: str) -> tuple[Mode, str]:
    _require_package("jax", "JAX", "pip install jax")
    import jax

    from deeptutorial.compile.jax_linker import DeviceJAXLinker

    kind, _, number = device.partition(":")
    try:
        devices = jax.devices() if kind == "auto" else jax.devices(kind)
    except RuntimeError:
        raise BackendError(
            "JAX finds no CUDA device; for an NVIDIA GPU: pip install 'jax[cuda12]' "
            "(or choose --device cpu)"
        ) from None
    chosen = _numbered(devices, device, number)
    jax.config.update("jax_default_device", chosen)
    where = "the CPU" if chosen.platform == "cpu" else chosen.device_kind
    # XLA fuses loops itself.
    rewrites = (
        predefined_modes["JAX"]
        .provided_optimizer.excluding("fusion")
        .including("minibatch_slice", "coin_flips_size", "shape_asserts")
    )
    return Mode(DeviceJAXLinker(), rewrites), f"JAX {jax.__version__} on {where}"


def _pytorch(device: str) -> tuple[Mode, str]:
    _require_package("torch", "PyTorch", "pip install torch")
    import torch

    from deeptutorial.compile.pytorch_linker import DevicePyTorchLinker

    kind, _, number = device.partition(":")
    n_gpus = torch.cuda.device_count()
    if kind == "cuda" and n_gpus == 0:
        raise BackendError(
            "PyTorch finds no CUDA device; for an NVIDIA GPU: pip install torch, in the version "
            "that pytorch.org names for your system (or choose --device cpu)"
        )
    if kind == "cpu" or n_gpus == 0:
        chosen, where = torch.device("cpu"), "the CPU"
    else:
        chosen = torch.device(_numbered([f"cuda:{i}" for i in range(n_gpus)], device, number))
        where = torch.cuda.get_device_name(chosen)
    rewrites = predefined_modes["PYTORCH"].provided_optimizer
    rewrites = rewrites.excluding("fusion").including("minibatch_slice", "shape_asserts")
    linker = DevicePyTorchLinker()
    linker.device = chosen
    return Mode(linker, rewrites), f"PyTorch {torch.__version__} on {where}"


_CHOOSERS = {"numba": _numba, "c": _c, "jax": _jax, "pytorch": _pytorch}


def _refuse_gpu(backend: str, device: str) -> None:
    if device not in ("auto", "cpu"):
        raise BackendError(
            f"the backend {backend} runs on the CPU, not on {device}; for a GPU: --backend jax"
        )


def _require_package(module: str, name: str, command: str) -> None:
    if find_spec(module) is None:
        raise BackendError(f"{name} is not installed: {command}")


def _numbered(devices: list, device: str, number: str):
    if int(number or 0) >= len(devices):
        raise BackendError(f"there is no {device}: the last device is cuda:{len(devices) - 1}")
    return devices[int(number or 0)]
