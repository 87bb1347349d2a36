"""JAX, on the CPU or a GPU."""

from collections.abc import Sequence

from platformdirs import user_cache_path
from pytensor.compile.mode import Mode, predefined_modes

from deeptutorial.compile.backends.devices import BackendError, numbered, require_package

__all__ = ["choose"]


def choose(device: str) -> tuple[Mode, str]:
    """Return the mode to compile with, and what runs where, for people."""
    require_package("jax", "JAX", "pip install jax")
    import jax

    from deeptutorial.compile.backends.jax.linker import DeviceJAXLinker
    from deeptutorial.compile.backends.jax.spread import Spread

    spread = None
    if device == "all":
        devices = jax.devices()
        spread = Spread(devices)
        chosen = jax.local_devices()[0]
    else:
        chosen = _one_device(device)
        devices = [chosen]
    jax.config.update("jax_default_device", chosen)
    if chosen.platform == "gpu" and jax.config.jax_compilation_cache_dir is None:
        # XLA tries out how a product is made fastest, which can take it half a minute.
        folder = user_cache_path("deeptutorial") / "jax"
        jax.config.update("jax_compilation_cache_dir", str(folder))
    # XLA fuses loops itself.
    rewrites = (
        predefined_modes["JAX"]
        .provided_optimizer.excluding("fusion")
        .including("existing_minibatches", "minibatch_slice", "draw_size", "shape_asserts")
    )
    where = _in_words(devices)
    return Mode(DeviceJAXLinker(spread), rewrites), f"JAX {jax.__version__} on {where}"


def _one_device(device: str):
    import jax

    kind, _, number = device.partition(":")
    try:
        devices = jax.devices() if kind == "auto" else jax.devices(kind)
    except RuntimeError:
        raise BackendError(
            "JAX finds no CUDA device; for an NVIDIA GPU: pip install 'jax[cuda12]' "
            "(or choose --device cpu)"
        ) from None
    return numbered(devices, device, number)


def _in_words(devices: Sequence) -> str:
    n = len(devices)
    kind = "CPU" if devices[0].platform == "cpu" else devices[0].device_kind
    if n == 1:
        return "the CPU" if kind == "CPU" else kind
    n_processes = len({device.process_index for device in devices})
    return f"{n} devices ({kind})" + (f" of {n_processes} processes" if n_processes > 1 else "")
