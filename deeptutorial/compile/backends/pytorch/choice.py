"""PyTorch, on the CPU or a GPU."""

from pytensor.compile.mode import Mode, predefined_modes

from deeptutorial.compile.backends.devices import BackendError, numbered, require_package

__all__ = ["choose"]


def choose(device: str) -> tuple[Mode, str]:
    """Return the mode to compile with, and what runs where, for people."""
    require_package("torch", "PyTorch", "pip install torch")
    import torch

    from deeptutorial.compile.backends.pytorch.linker import DevicePyTorchLinker

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
        chosen = torch.device(numbered([f"cuda:{i}" for i in range(n_gpus)], device, number))
        where = torch.cuda.get_device_name(chosen)
    rewrites = predefined_modes["PYTORCH"].provided_optimizer
    rewrites = rewrites.excluding("fusion").including(
        "existing_minibatches", "minibatch_slice", "shape_asserts"
    )
    linker = DevicePyTorchLinker()
    linker.device = chosen
    return Mode(linker, rewrites), f"PyTorch {torch.__version__} on {where}"
