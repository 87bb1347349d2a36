"""Shared variables whose values lie on a device, and are NumPy arrays to whoever looks at them."""

from collections.abc import Callable
from typing import Any

from pytensor.compile.sharedvalue import SharedVariable
from pytensor.link.basic import Container

__all__ = ["show_on_host"]


def show_on_host(variable: SharedVariable, to_host: Callable[[Any], Any]) -> None:
    """Let ``variable.get_value()`` bring to the host what a compiled function left on a device.

    PyTensor hands out whatever a backend has put in a shared variable. The functions themselves
    go to the storage directly, and are not concerned.

    Parameters
    ----------
    variable : SharedVariable
    to_host : callable
        Makes a NumPy array of a value on the device, and of one on the host itself.
    """
    container = variable.container
    if not isinstance(container, _HostContainer):
        container.__class__ = _HostContainer
    container.to_host = to_host


class _HostContainer(Container):
    """A container whose value is on the host for those who get it."""

    to_host: Callable[[Any], Any]

    def _get(self) -> Any:
        return self.to_host(self.storage[0])

    value = property(_get, Container.__set__)
    data = value

    def __deepcopy__(self, memo: dict) -> Container:
        self.storage[0] = self._get()
        copied = super().__deepcopy__(memo)
        copied.to_host = self.to_host
        return copied
