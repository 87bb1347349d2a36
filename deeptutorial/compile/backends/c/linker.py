"""PyTensor's linker for C, which keeps its shared variables from other engines' devices."""

from pytensor.compile.sharedvalue import SharedVariable
from pytensor.link.vm import VMLinker

from deeptutorial.compile.host_values import keep_on_host

__all__ = ["HostVMLinker"]


class HostVMLinker(VMLinker):
    """Compile with C; where a value would be no array of NumPy, refuse."""

    def make_all(self, *args, **kwargs):
        for variable in self.fgraph.inputs:
            if isinstance(variable, SharedVariable):
                keep_on_host(variable)
        return super().make_all(*args, **kwargs)
