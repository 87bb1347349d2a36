"""Shared variables whose values lie on a device, and are NumPy arrays to whoever looks at them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant, Variable
from pytensor.link.basic import Container

from deeptutorial.compile.backends.devices import BackendError
from deeptutorial.mapped_files import is_mapped

__all__ = ["bring_to_host", "keep_on_host", "only_constants", "show_on_host"]


def show_on_host(variable: SharedVariable, engine: str, to_host: Callable[[Any], Any]) -> None:
    """Let ``variable.get_value()`` bring to the host what a compiled function left on a device.

    PyTensor hands out whatever a backend has put in a shared variable. The functions themselves
    go to the storage directly, and are not concerned.

    Parameters
    ----------
    variable : SharedVariable
    engine : str
        Whose device it is.
    to_host : callable
        Makes a NumPy array of a value on the device, and of one on the host itself.

    Raises
    ------
    BackendError
        If a function for another engine has the variable, and could not use what is on the device.
    """
    container = variable.container
    if isinstance(container, _HostContainer) and container.engine != engine:
        raise BackendError(
            f"the shared variable {variable.name or variable} is in a function for "
            f"{container.engine} and cannot be in one for {engine}: compile both for the same "
            "backend, or copy it by pytensor.shared(variable.get_value())"
        )
    container.__class__ = _HostContainer
    container.engine, container.to_host = engine, to_host


def keep_on_host(variable: SharedVariable) -> None:
    """Let no engine put the variable's value on a device.

    C reads what is in a shared variable, and does not look whether it is an array.

    Raises
    ------
    BackendError
        If a function for an engine that does so has the variable.
    """
    show_on_host(variable, "c", _as_it_is)


def bring_to_host(variables: Iterable[Variable]) -> bool:
    """Replace values on a device by arrays that may be written to; tell whether there were any."""
    found = False
    for variable in variables:
        container = getattr(variable, "container", None)
        if isinstance(container, _HostContainer):
            value = container.value
            if value is not container.storage[0]:
                # What lies in a file is as it was given, and may be more than the memory holds.
                is_copied = isinstance(value, np.ndarray) and not is_mapped(value)
                container.storage[0] = np.array(value) if is_copied else value
                found = True
    return found


def only_constants(storage_map: Mapping[Variable, list]) -> dict[Variable, list]:
    """Return the storages that PyTensor is to look into when it makes Python of a graph.

    It would write what shared variables hold into each function that has them, whole sets, and
    never use that.
    """
    return {v: storage for v, storage in storage_map.items() if isinstance(v, Constant)}


def _as_it_is(value: Any) -> Any:
    return value


class _HostContainer(Container):
    """A container whose value is on the host for those who get it."""

    engine: str
    to_host: Callable[[Any], Any]

    def _get(self) -> Any:
        return self.to_host(self.storage[0])

    value = property(_get, Container.__set__)
    data = value

    def __deepcopy__(self, memo: dict) -> Container:
        self.storage[0] = self._get()
        copied = super().__deepcopy__(memo)
        copied.engine, copied.to_host = self.engine, self.to_host
        return copied
