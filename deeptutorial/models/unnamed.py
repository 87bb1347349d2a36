"""What a subclass of a model has besides, and has not named: a file would lose it."""

import inspect
from collections.abc import Iterator

from pytensor.compile.sharedvalue import SharedVariable

__all__ = ["check_that_all_is_named", "is_plain"]

NOT_KEPT = ("numpy_rng", "theano_rng", "rng", "input", "W", "bhid", "bvis")
"""Arguments of constructors that say what a model starts from, and not what it computes."""


def check_that_all_is_named(model, kind: str) -> None:
    """Refuse a parameter or a constructor's argument that a file would lose.

    Parameters
    ----------
    model
        Of a class that can be kept, as `deeptutorial.models.model_files` has it.
    kind : str
        What the class is called in a file.

    Raises
    ------
    TypeError
        The message tells how it is named.
    """
    named = {id(param) for param in model.named_params().values()}
    for name, param in _parameters(model):
        if id(param) not in named:
            raise TypeError(
                f"{name} of the {kind} would get lost: let named_params() of the class return "
                f"it too, as {{**super().named_params(), {name!r}: self.{name}}}"
            )
    for name, argument in inspect.signature(type(model)).parameters.items():
        is_one = argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
        if not is_one or name in (*NOT_KEPT, *model.hyperparameters):
            continue
        value = getattr(model, name, inspect.Signature)  # which is no argument's value
        is_default = value is argument.default or (is_plain(value) and value == argument.default)
        if not is_default and id(value) not in named:
            raise TypeError(
                f"{name}, an argument of {kind}(), would get lost: name it in the class, as "
                f"hyperparameters = (*{type(model).__mro__[1].__name__}.hyperparameters, "
                f"{name!r}), and keep it as an attribute"
            )


def _parameters(model) -> Iterator[tuple[str, SharedVariable]]:
    """Yield what is trained, and which arrays of numbers are attributes besides, by their names."""
    trained = [(param.name or "a parameter", param) for param in model.params]
    for name, value in [*vars(model).items(), *trained]:
        if isinstance(value, SharedVariable) and value is not model.x:
            type_ = value.type
            if getattr(type_, "ndim", 0) > 0 and type_.dtype.startswith("float"):
                yield name, value


def is_plain(value) -> bool:
    """Tell whether JSON can hold a value and give it back: numbers, texts, None, lists of them."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | int | float)
