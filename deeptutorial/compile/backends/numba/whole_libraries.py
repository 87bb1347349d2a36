"""What Numba compiles is optimised as a whole, once, and not each of its parts before.

Each function that Numba compiles is a library of machine code of its own, with a copy of all that
it calls. So LLVM works through a function that lies ten calls deep eleven times, and ten of these
times nobody can call the outcome: it has no way in for Python. Here, a function is left in LLVM's
language until somebody asks for its address.

Nor do two libraries share code then. Numba lets one call the other's copy of what both have, as
chance has it, which a process that reads one of them from the disk does not do; where the copies
round differently, so do the two processes. What a library has for itself alone gets a name of its
own, too: LLVM fits it to its callers, its arguments even, and its loader looks for what a later
library shares among all names that it has seen, those that are nobody else's included.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from numba.core.codegen import JITCodeLibrary, RuntimeLinker
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import lookup_environment
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.targetconfig import ConfigStack

__all__ = ["optimised_as_a_whole"]

# How the names begin that Numba gives to a function, to the place of its Python objects, and to
# the place of its address, if it calls itself.
FUNCTION, ENVIRONMENT = "_ZN", "_ZN08NumbaEnv"
CALLED_BY_NAME = RuntimeLinker.PREFIX
INTERNAL = "internal"  # how those begin that are given here


@contextmanager
def optimised_as_a_whole() -> Iterator[None]:
    """Let what Numba compiles in between go to LLVM once."""
    with global_compiler_lock, _garbage_left():
        context, codegen = cpu_target.target_context, cpu_target.target_context.codegen()
        rtsys.initialize(context)  # before: what calls itself needs it while it is compiled
        before = codegen._library_class, context.create_cfunc_wrapper
        codegen._library_class, context.create_cfunc_wrapper = _Library, _way_in_for_c
        try:
            yield
        finally:
            codegen._library_class, context.create_cfunc_wrapper = before


def _way_in_for_c(*arguments) -> None:
    """Do what Numba does, but not for what is only called by what it is compiled with."""
    flags = ConfigStack.top_or_none()
    if not flags.no_cpython_wrapper or flags.is_set("no_cfunc_wrapper"):
        type(cpu_target.target_context).create_cfunc_wrapper(cpu_target.target_context, *arguments)


@contextmanager
def _garbage_left() -> Iterator[None]:
    """Do not look for garbage: a compiler makes much that is none, and a tenth of its time goes."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Library(JITCodeLibrary):
    """A part of others' machine code, until it is asked for its own."""

    _is_part = False

    def finalize(self):
        self._own_functions, self._is_part = self._functions(), True
        super().finalize()

    def _optimize_final_module(self):
        if self._is_part:
            return
        found_from_outside = self._own_functions | {
            name.removeprefix(CALLED_BY_NAME) for name in self._variables(CALLED_BY_NAME)
        }
        for name in self._functions() - found_from_outside:
            if name.startswith(FUNCTION):
                function = self._final_module.get_function(name)
                function.linkage, function.name = "internal", f"{INTERNAL} {name}"
        super()._optimize_final_module()

    def _finalize_final_module(self):
        if self._is_part:
            self._finalize_dynamic_globals()
            self._finalized = True
            return
        super()._finalize_final_module()
        for name in self._variables(ENVIRONMENT):
            environment = lookup_environment(name)
            if environment is not None:
                self._codegen.set_env(name, environment)

    def _functions(self) -> set[str]:
        return {function.name for function in self.get_defined_functions()}

    def _variables(self, prefix: str) -> list[str]:
        names = [variable.name for variable in self._final_module.global_variables]
        return [name for name in names if name.startswith(prefix)]

    # What it is asked for when it is to be called, or kept.

    def get_pointer_to_function(self, name):
        self._ensure_finalized()
        if self._is_part and name in self._own_functions:
            self._compile_part()
        return super().get_pointer_to_function(name)

    def serialize_using_object_code(self):
        self._ensure_finalized()
        if self._is_part:
            self._compile_part()
        return super().serialize_using_object_code()

    def _compile_part(self):
        self._get_module_for_linking()  # as it is, before what it calls is its own
        self._is_part = False
        self._optimize_final_module()
        self._finalize_final_module()

    @property
    def codegen(self):
        self._ensure_finalized()
        return _NoCode() if self._is_part else super().codegen


class _NoCode:
    """Stands for Numba's generator of machine code where there is none, in a part."""

    def set_env(self, name, environment):
        """Do nothing: whoever the part belongs to does it."""
