"""`theano.config`: the flags that still mean something, and those of THEANO_FLAGS and .theanorc."""

import os
import sys
from configparser import ConfigParser, Error
from pathlib import Path

import pytensor

from deeptutorial.compile import BackendError, use
from deeptutorial.texts import printable

__all__ = ["change_flags", "config", "read_flags"]

change_flags = pytensor.config.change_flags

SILENT = {"force_device", "init_gpu_device", "print_active_device", "warn", "base_compiledir"}
"""Flags that need not be spoken of: where to put C code, whether to name the card."""


class Config:
    """The flags, as attributes; a dot in a name is a dot, ``config.blas.ldflags``.

    PyTensor's are set there. One that PyTensor does not have is kept, named once on stderr, and
    does nothing.
    """

    def __init__(self, prefix: str = "", kept: dict | None = None):
        vars(self).update(_prefix=prefix, _kept={} if kept is None else kept, _sections={})

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        full = self._prefix + name
        if full in self._kept:
            return self._kept[full]
        if full == "mode":
            mode = pytensor.config.mode
            return mode if isinstance(mode, str) else "Mode"
        if full in _DEFAULTS:
            return _DEFAULTS[full]
        if _pytensor_has(full):
            return getattr(pytensor.config, _in_pytensor(full))
        if not self._prefix:
            return self._sections.setdefault(name, Config(name + ".", self._kept))
        raise AttributeError(f"theano.config has no flag {full}")

    def __setattr__(self, name: str, value):
        full = self._prefix + name
        if not _set(full, value):
            self._kept[full] = value
            _ignored([full])

    def change_flags(self, **flags):
        """`pytensor.config.change_flags`."""
        return change_flags(**flags)


_DEFAULTS = {
    "device": "cpu",
    "compute_test_value": "off",
    "int_division": "int",
    "print_test_value": False,
}
"""What Theano's flags were by default that PyTensor does not have, for those who ask."""


def _in_pytensor(flag: str) -> str:
    return flag.replace(".", "__")


def _pytensor_has(flag: str) -> bool:
    return _in_pytensor(flag) in pytensor.config._config_var_dict


def _set(flag: str, value) -> bool:
    """Set a flag, and tell whether it means anything here."""
    if flag == "device":
        return _set_device(str(value))
    if flag == "mode" and isinstance(value, str):
        if "PROFILE" in value.upper():
            pytensor.config.profile = True
        elif value.upper() not in ("MODE", "FAST_RUN") or isinstance(pytensor.config.mode, str):
            pytensor.config.mode = value  # the usual one is not to take a card's place
        return True
    if not _pytensor_has(flag):
        return flag.partition(".")[0] in SILENT
    setattr(pytensor.config, _in_pytensor(flag), value)
    return True


def _set_device(device: str) -> bool:
    if device == "cpu":
        return True
    if not device.startswith(("gpu", "cuda", "opencl")):
        raise ValueError(f"unknown device {device}: choose cpu or cuda")
    number = device.lstrip("abcdefghijklmnopqrstuvwxyz")
    try:
        description = use("jax", f"cuda:{number}" if number.isdigit() else "cuda")
    except BackendError as error:
        _say(f"device={device}: the CPU is used ({error})")
    else:
        _say(f"device={device}: on {description}")
    return True


def read_flags() -> None:
    """Set what `THEANO_FLAGS` and the files of `THEANORC`, or ``~/.theanorc``, ask for."""
    unknown = []
    for flag, value in (_from_files() | _from_environment()).items():
        try:
            if not _set(flag, value):
                config._kept[flag] = value
                unknown.append(flag)
        except (TypeError, ValueError) as error:
            _say(f"the flag {flag}={value} is ignored: {error}")
    _ignored(unknown)


def _from_environment() -> dict[str, str]:
    flags = {}
    for part in os.environ.get("THEANO_FLAGS", "").split(","):
        flag, equals, value = part.partition("=")
        if equals:
            flags[flag.strip()] = value.strip()
    return flags


def _from_files() -> dict[str, str]:
    named = os.environ.get("THEANORC") or "~/.theanorc"
    reader = ConfigParser(interpolation=None)
    # floatX keeps its capital letter; the documentation of configparser says to assign it so.
    reader.optionxform = str  # type: ignore[assignment, method-assign]
    flags: dict[str, str] = {}
    try:
        reader.read([Path(path).expanduser() for path in named.split(os.pathsep)], "utf-8")
    except (Error, OSError, UnicodeError) as error:
        _say(f"cannot be read: {' '.join(str(error).split())}")
        return flags
    for section in reader.sections():
        prefix = "" if section == "global" else section + "."
        for option, value in reader[section].items():
            flags[prefix + option] = value
    return flags


_named: set[str] = set()


def _ignored(flags: list[str]) -> None:
    new = [flag for flag in flags if flag not in _named]
    if new:
        _named.update(new)
        _say(f"ignored, since PyTensor has no such flag: {', '.join(new)}")


def _say(line: str) -> None:
    print(f"theano: {printable(line)}", file=sys.stderr)


config = Config()
read_flags()
