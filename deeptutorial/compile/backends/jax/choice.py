"""JAX, on the CPU or a GPU."""

from pytensor.compile.mode import Mode, predefined_modes

from deeptutorial.compile.backends.devices import BackendError, numbered, require_package

__all__ = ["choose"]


def choose(device: str) -> tuple[Mode, str]:
    """Return the mode to compile with, and what runs where, for people."""
    require_package("jax", "JAX", "pip install jax")
    import jax

    from deeptutorial.compile.backends.jax.linker import DeviceJAXLinker

    kind, _, number = device.partition(":")
    try:
        devices = jax.devices() if kind == "auto" else jax.devices(kind)
    except RuntimeError:
        raise BackendError(
            "JAX finds no CUDA device; for an NVIDIA GPU: pip install 'jax[cuda12]' "
            "(or choose --device cpu)"
        ) from None
    chosen = numbered(devices, device, number)
    jax.config.update("jax_default_device", chosen)
    where = "the CPU" if chosen.platform == "cpu" else chosen.device_kind
    # XLA fuses loops itself.
    rewrites = (
        predefined_modes["JAX"]
        .provided_optimizer.excluding("fusion")
        .including("existing_minibatches", "minibatch_slice", "draw_size", "shape_asserts")
    )
    return Mode(DeviceJAXLinker(), rewrites), f"JAX {jax.__version__} on {where}"
