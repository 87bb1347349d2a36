"""Functions written in LLVM's language become machine code, which is kept on disk."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core.registry import cpu_target

from deeptutorial.compile.backends.numba.kernels.caching import cache_folder
from deeptutorial.files import replacing

__all__ = ["address_of", "target"]


@cache
def _machine() -> llvm.TargetMachine:
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    return llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=2, reloc="default", codemodel="large"
    )


@cache
def target() -> str:
    """Return what processor is compiled for."""
    return repr(cpu_target.target_context.codegen().magic_tuple())


@cache
def _engine() -> llvm.ExecutionEngine:
    """Holds the machine code of all loops, to the end of the process."""
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())


def _compiled(module: ir.Module) -> bytes:
    module.triple = _machine().triple
    compiled = llvm.parse_assembly(str(module))
    compiled.verify()
    passes = llvm.create_pass_builder(
        _machine(), llvm.create_pipeline_tuning_options(speed_level=2)
    )
    passes.getModulePassManager().run(compiled, passes)
    return _machine().emit_object(compiled)


_addresses: dict[str, int] = {}


def address_of(name: str, write: Callable[[], ir.Module]) -> int:
    """Return the address of a function; compile it, or read it from the cache, if need be.

    Parameters
    ----------
    name : str
        Of the function, in all processes: another function must have another one.
    write : callable
        Returns the module with the function.
    """
    if name not in _addresses:
        folder = cache_folder()
        path = None if folder is None else Path(folder, f"{name}.o")
        code = path.read_bytes() if path is not None and path.exists() else b""
        if not code:
            code = _compiled(write())
            if path is not None:
                with suppress(OSError), replacing(path) as temporary:  # or again next time
                    temporary.write_bytes(code)
        _engine().add_object_file(llvm.ObjectFileRef.from_data(code))
        _engine().finalize_object()
        _addresses[name] = _engine().get_function_address(name)
    return _addresses[name]
