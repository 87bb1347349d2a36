"""Which device a backend runs on, and what is said where there is none such."""

from importlib.util import find_spec

__all__ = ["BackendError", "numbered", "refuse_gpu", "require_package"]


class BackendError(RuntimeError):
    """A backend or a device that is not to be had; the message tells what would be needed."""


def refuse_gpu(backend: str, device: str) -> None:
    if device not in ("auto", "cpu"):
        raise BackendError(
            f"the backend {backend} runs on the CPU, not on {device}; for a GPU: --backend jax"
        )


def require_package(module: str, name: str, command: str) -> None:
    if find_spec(module) is None:
        raise BackendError(f"{name} is not installed: {command}")


def numbered(devices: list, device: str, number: str):
    if int(number or 0) >= len(devices):
        raise BackendError(f"there is no {device}: the last device is cuda:{len(devices) - 1}")
    return devices[int(number or 0)]
