"""PyTensor's C backend, with SciPy's BLAS where there is no other."""

import os
import shlex
import sysconfig
import warnings
from pathlib import Path

import pytensor
import scipy
from pytensor.compile.mode import Mode, predefined_modes

from deeptutorial.compile.backends.c.linker import HostVMLinker
from deeptutorial.compile.backends.devices import BackendError, refuse_gpu

__all__ = ["choose"]


def choose(device: str) -> tuple[Mode, str]:
    """Return the mode to compile with, and what runs where, for people."""
    refuse_gpu("c", device)
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
    rewrites = predefined_modes["CVM"].provided_optimizer.including("existing_minibatches")
    mode = Mode(HostVMLinker(use_cloop=True), rewrites)
    return mode, f"C++ ({os.path.basename(compiler)}) on the CPU{blas}"


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
