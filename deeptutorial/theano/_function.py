"""`theano.function`: what compiles, with inputs that have defaults."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.compile.io import Out
from pytensor.compile.mode import Mode
from pytensor.compile.mode import get_mode as get_pytensor_mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors
from pytensor.tensor.type import TensorType

from deeptutorial.compile.backends.numba.modes import quick_mode

__all__ = ["FunctionWithDefaults", "In", "Out", "Param", "function", "mode_of"]


class In:
    """An input of a function, with what is to be known about it.

    Parameters
    ----------
    variable : symbolic variable
    name : str, optional
        What it is called in keyword arguments; None takes the variable's name.
    value : optional
        What it is where the function is called without it.
    update : symbolic variable, optional
        What `value` becomes after each call.
    mutable, strict, allow_downcast, borrow
        As `pytensor.In` takes them.
    """

    def __init__(
        self,
        variable,
        name=None,
        value=None,
        update=None,
        mutable=None,
        strict=False,
        allow_downcast=None,
        autoname=True,
        implicit=None,
        borrow=None,
        shared=False,
    ):
        self.variable = variable
        self.name = name if name is not None or not autoname else variable.name
        self.value, self.update = value, update
        if update is not None and value is None:
            raise TypeError(f"{variable} has an update, but no value to begin with")
        if mutable is None:
            mutable = update is not None
        self.options = {
            "mutable": mutable,
            "strict": strict,
            "allow_downcast": allow_downcast,
            "borrow": mutable if borrow is None else borrow,
        }


class Param(In):
    """`In`, by its older name and with the older order of arguments."""

    def __init__(
        self,
        variable,
        default=None,
        name=None,
        mutable=False,
        strict=False,
        allow_downcast=None,
        implicit=None,
        borrow=None,
    ):
        super().__init__(
            variable,
            name=name,
            value=default,
            mutable=mutable,
            strict=strict,
            allow_downcast=allow_downcast,
            borrow=borrow,
        )


def function(
    inputs,
    outputs=None,
    mode=None,
    updates=None,
    givens=None,
    no_default_updates=False,
    accept_inplace=False,
    name=None,
    rebuild_strict=True,
    allow_input_downcast=None,
    profile=None,
    on_unused_input=None,
):
    """Compile a function, as `pytensor.function` does.

    Parameters
    ----------
    inputs : sequence of symbolic variables, `In` and `Param`
        Defaults and updates of inputs are this package's; PyTensor has given them up.
    outputs : symbolic variable, or sequence or dict of them, optional
        Of a dict, a call returns a dict.
    updates : pairs or dict, optional
        A new value must have the dtype and the number of dimensions of its shared variable.
    mode : str or Mode, optional
        Theano's names are known; None is the fast mode that compiles quickly.

    Returns
    -------
    Function or FunctionWithDefaults

    Raises
    ------
    TypeError
        Where a new value does not fit its shared variable; the message says what to cast.
    """
    if not isinstance(inputs, list | tuple):
        raise TypeError(f"the inputs are to be in a list, also a single one; got {inputs!r}")
    inputs = [each if isinstance(each, In) else In(_as_variable(each)) for each in inputs]
    if isinstance(mode, str) and "PROFILE" in mode.upper():
        mode, profile = None, True
    has_defaults = any(each.value is not None for each in inputs)
    if has_defaults or isinstance(outputs, dict):
        compiled_outputs: list[Variable | Out] | Variable | Out | None = _as_list(outputs) + [
            each.update for each in inputs if each.update is not None
        ]
    elif isinstance(outputs, list | tuple):
        compiled_outputs = _as_list(outputs)
    else:
        compiled_outputs = None if outputs is None else _as_variable(outputs)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The no_default_updates parameter", DeprecationWarning)
        compiled = pytensor.function(
            [_as_pytensor_input(each, allow_input_downcast) for each in inputs],
            compiled_outputs,
            mode=mode_of(mode),
            updates=_checked_updates(updates),
            givens=_checked_givens(givens),
            no_default_updates=no_default_updates or None,
            accept_inplace=accept_inplace,
            name=name,
            rebuild_strict=rebuild_strict,
            allow_input_downcast=allow_input_downcast,
            profile=profile,
            on_unused_input=on_unused_input,
        )
    if has_defaults or isinstance(outputs, dict):
        return FunctionWithDefaults(compiled, inputs, outputs, name)
    return compiled


class FunctionWithDefaults:
    """A compiled function some of whose inputs have values of their own.

    What is not here is looked up in the compiled function of PyTensor, ``compiled``.
    """

    def __init__(self, compiled: Function, inputs: Sequence[In], outputs, name: str | None):
        self.compiled, self.name = compiled, name
        self._names = [each.name for each in inputs]
        self._defaults = [each.value for each in inputs]
        self._kept = [i for i, each in enumerate(inputs) if each.update is not None]
        self._is_single = outputs is not None and not isinstance(outputs, list | tuple | dict)
        self._keys = list(outputs) if isinstance(outputs, dict) else None

    def __call__(self, *args, **kwargs):
        values = list(args) + self._defaults[len(args) :]
        if len(values) > len(self._defaults):
            raise TypeError(f"takes {len(self._defaults)} inputs, got {len(values)}")
        for name, value in kwargs.items():
            if name not in self._names:
                raise TypeError(f"has no input named {name!r}; they are {self._names}")
            place = self._names.index(name)
            if place < len(args):
                raise TypeError(f"the input {name!r} is given twice")
            values[place] = value
        missing = [self._names[i] or i for i, value in enumerate(values) if value is None]
        if missing:
            raise TypeError(f"has no value for the input {missing[0]!r}, which has no default")

        results = self.compiled(*values)
        n_results = len(results) - len(self._kept)
        for place, new in zip(self._kept, results[n_results:], strict=True):
            self._defaults[place] = new
        if self._is_single:
            return results[0]
        if self._keys is not None:
            return dict(zip(self._keys, results, strict=False))
        return results[:n_results]

    def __getitem__(self, item):
        """Return the value that an input has where a call leaves it out."""
        return self._defaults[self._names.index(getattr(item, "name", item))]

    def __setitem__(self, item, value):
        self._defaults[self._names.index(getattr(item, "name", item))] = value

    def __getattr__(self, name):
        return getattr(self.__dict__["compiled"], name)


def mode_of(mode: str | Mode | None) -> Mode:
    """Return PyTensor's mode for one of Theano's, the one that compiles faster where there is one.

    ``FAST_RUN``, ``FAST_COMPILE``, ``DebugMode`` and ``NanGuardMode`` are PyTensor's.
    """
    return quick_mode() if mode is None else quick_mode(get_pytensor_mode(mode))


def _as_list(outputs) -> list[Variable | Out]:
    if outputs is None:
        return []
    if isinstance(outputs, dict):
        outputs = outputs.values()
    several = isinstance(outputs, Iterable) and not isinstance(outputs, Variable | np.ndarray)
    return [_as_variable(each) for each in (outputs if several else [outputs])]


def _as_variable(value):
    return value if isinstance(value, Variable | Out) else pt.as_tensor_variable(value)


def _as_pytensor_input(each: In, allow_downcast: bool | None) -> pytensor.In:
    options = dict(each.options)
    if options["allow_downcast"] is None:
        options["allow_downcast"] = allow_downcast
    return pytensor.In(each.variable, name=each.name, **options)


def _pairs(given) -> list[tuple]:
    return list(given.items() if isinstance(given, dict) else given or [])


def _checked_givens(givens) -> list[tuple]:
    return [(old, _as_variable(new)) for old, new in _pairs(givens)]


def _checked_updates(updates) -> list[tuple]:
    """Return updates as pairs of variables, each of which fits, or say what does not."""
    checked = []
    for pair in _pairs(updates):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TypeError(f"updates are pairs (shared variable, new value), got {pair!r}")
        old, new = pair
        if isinstance(old, SharedVariable) and isinstance(old.type, TensorType):
            new = _fitting(old, new)
        checked.append((old, new))
    return checked


def _fitting(old: SharedVariable, new) -> Variable:
    """Return `new` as a value that `old` can take, as Theano would have taken it.

    A constant is cast where nothing is lost, and a narrower type is widened.
    """
    if not isinstance(new, Variable):
        new = pt.as_tensor_variable(new, dtype=_lossless(new, old.dtype))
    if new.ndim != old.ndim:
        raise TypeError(
            f"An update must have as many dimensions as the original shared variable: {_name(old)} "
            f"has {old.ndim}, its new value has {new.ndim} ({new.type})"
        )
    if new.dtype == old.dtype:
        return new
    if np.can_cast(new.dtype, old.dtype, "safe") and new.dtype != "bool":
        return pt.cast(new, old.dtype)
    wide = sorted({_name(source) for source in _sources(new, new.dtype)})
    where = f" {new.dtype} comes in with {', '.join(wide)}." if wide else ""
    raise TypeError(
        f"An update must have the same type as the original shared variable: {_name(old)} is "
        f"{old.dtype}, its new value is {new.dtype}.{where} Make what comes in {old.dtype}, or "
        f"cast the new value, theano.tensor.cast(new_value, {old.dtype!r})."
    )


def _lossless(value, dtype: str) -> str | None:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return None
    with np.errstate(all="ignore"):
        return dtype if np.all(array.astype(dtype) == array) else None


def _sources(variable: Variable, dtype: str) -> list[Variable]:
    """Return the variables through which a dtype comes into a graph: inputs, and what widens."""
    having = [v for v in ancestors([variable]) if getattr(v.type, "dtype", None) == dtype]
    return [v for v in having if v.owner is None or not set(v.owner.inputs) & set(having)]


def _name(variable: Variable) -> str:
    if variable.name:
        return variable.name
    return f"an unnamed {variable.type}" if variable.owner is None else f"{variable.owner.op}"
