"""What the last bits of a function's results depend on, besides its graph and its inputs."""

import platform
from contextlib import suppress
from importlib import metadata

import llvmlite.binding as llvm

from deeptutorial.compile.backends.numba.kernels.threads import thread_count

__all__ = ["surroundings"]

_LINKERS = {"NumbaLinker": "numba", "JAXLinker": "jax", "PytorchLinker": "pytorch"}
_PACKAGES = {"numba": ("numba", "llvmlite"), "jax": ("jax", "jaxlib"), "pytorch": ("torch",)}


def surroundings(function) -> dict[str, str | int]:
    """Describe what runs a compiled function.

    Returns
    -------
    dict
        ``backend``, as `use` has it, "c" where nothing else is known; ``device``; ``processor``;
        ``threads``; and the versions of PyTensor, NumPy and the packages of the backend.
    """
    linker = getattr(function.maker, "linker", None)
    kinds = (_LINKERS.get(kind.__name__) for kind in type(linker).__mro__)
    backend = next(filter(None, kinds), "c")
    found: dict[str, str | int] = {
        "backend": backend,
        "device": _device(backend, linker),
        "processor": llvm.get_host_cpu_name() or platform.machine(),
        "threads": int(thread_count()),
    }
    for package in ("pytensor", "numpy", *_PACKAGES.get(backend, ())):
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _device(backend: str, linker) -> str:
    if backend == "jax":
        import jax

        return str(jax.config.jax_default_device or jax.devices()[0])
    return str(getattr(linker, "device", "cpu"))
