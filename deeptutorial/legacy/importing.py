"""The modules of an old script: translated ones of its folder, and ours where a file is missing."""

import ast
import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

import deeptutorial
from deeptutorial import models
from deeptutorial.images import scale_to_unit_interval
from deeptutorial.legacy.python2 import BUILTINS
from deeptutorial.legacy.translation import Translated, translate

__all__ = ["STAND_INS", "Sources", "StandInFinder"]

_TUTORIAL: dict[str, object] = {
    "load_data": deeptutorial.load_data,
    "LogisticRegression": models.LogisticRegression,
    "HiddenLayer": models.HiddenLayer,
    "dA": models.dA,
    "SdA": models.SdA,
}
STAND_INS: dict[str, dict[str, object]] = {
    "logistic_sgd": {k: _TUTORIAL[k] for k in ("load_data", "LogisticRegression")},
    "mlp": {k: _TUTORIAL[k] for k in ("load_data", "LogisticRegression", "HiddenLayer")},
    "dA": {k: _TUTORIAL[k] for k in ("load_data", "dA")},
    "SdA": _TUTORIAL,
    "utils": {
        "scale_to_unit_interval": scale_to_unit_interval,
        "tile_raster_images": deeptutorial.tile_raster_images,
    },
}
"""What takes the place of the tutorial's files, by module, where they are not beside a script."""

_OF_PILLOW = frozenset(["Image", "ImageChops", "ImageDraw", "ImageFilter", "ImageFont", "ImageOps"])


class Sources(MetaPathFinder):
    """The source files of a script and of the modules in its folder, as they are translated.

    Parameters
    ----------
    script : Path
    python2 : bool
        Take all of them for Python 2.

    Attributes
    ----------
    translated : int
        How many files were Python 2.
    missing : list of str
        Modules of the tutorial that are imported, and have no file.
    """

    def __init__(self, script: Path, python2: bool):
        self.folder = script.resolve().parent
        self.python2 = python2
        self._files: dict[str, Translated] = {}
        self.missing: list[str] = []
        self.script = self.of(str(script))
        # A script of Python 2 imports modules of Python 2, also those that could be either.
        self.python2 = self.script.python2
        self._follow(self.script.tree, self.folder)

    @property
    def translated(self) -> int:
        return sum(each.python2 for each in self._files.values())

    def of(self, path: str) -> Translated:
        """Return the translation of a file."""
        if path not in self._files:
            self._files[path] = translate(Path(path).read_bytes(), path, self.python2)
        return self._files[path]

    def _follow(self, tree: ast.Module, folder: Path) -> None:
        """Translate all that a file imports, and so on, so that it can be told beforehand."""
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                # Python 2 looks beside the file first, also within a package.
                places = [f.joinpath(*name.split(".")) for f in (folder, self.folder)]
                path = next((p.with_suffix(".py") for p in places if _is_source(p)), None)
                if path is None:
                    if name not in self.missing and _is_missing(name):
                        self.missing.append(name)
                elif str(path) not in self._files:
                    try:
                        self._follow(self.of(str(path)).tree, path.parent)
                    except SyntaxError:
                        continue  # it is told where it is imported, if it is

    def find_spec(self, fullname, path=None, target=None):
        spec = PathFinder.find_spec(fullname, [str(self.folder)] if path is None else path)
        if spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        origin = Path(spec.origin).resolve()
        if not origin.is_relative_to(self.folder) or "site-packages" in origin.parts:
            return None
        spec.loader = _TranslatingLoader(fullname, spec.origin, self)
        spec.cached = None
        return spec


class _TranslatingLoader(SourceFileLoader):
    """Runs what `Sources` makes of a file; no bytecode is read, nor written."""

    def __init__(self, fullname: str, path: str, sources: Sources):
        super().__init__(fullname, path)
        self.sources = sources

    def get_code(self, fullname):
        return self.sources.of(self.path).code

    def exec_module(self, module):
        if self.sources.of(self.path).python2:
            module.__builtins__ = BUILTINS
        super().exec_module(module)


def _is_source(path: Path) -> bool:
    return path.with_suffix(".py").is_file()


def _is_missing(name: str) -> bool:
    """Tell whether a module of the tutorial is nowhere; a clone of this project has other files."""
    spec = PathFinder.find_spec(name) if name in STAND_INS else None
    clone = Path(deeptutorial.__file__).resolve().parents[1]
    return name in STAND_INS and (spec is None or Path(spec.origin or "").parent.resolve() == clone)


class StandInFinder(MetaPathFinder, Loader):
    """Finds what is nowhere else: ours for the tutorial's files, and Pillow under its old names."""

    def find_spec(self, fullname, path=None, target=None):
        is_of_pillow = fullname in _OF_PILLOW and PathFinder.find_spec(fullname) is None
        if is_of_pillow or _is_missing(fullname):
            return ModuleSpec(fullname, self, origin="deeptutorial")
        return None

    def exec_module(self, module):
        name = module.__name__
        if name in _OF_PILLOW:
            sys.modules[name] = importlib.import_module(f"PIL.{name}")
            return
        vars(module).update(STAND_INS[name])

        def __getattr__(attribute):
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            raise ImportError(
                f"there is no {name}.py beside the script, and what stands in for it has only "
                f"{', '.join(sorted(STAND_INS[name]))}, not {attribute}: put the tutorial's "
                f"{name}.py there"
            )

        module.__getattr__ = __getattr__
