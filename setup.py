"""What pyproject.toml cannot say: the installed package carries the tutorial's two scripts.

They lie at the top of a clone, where a reader finds them, and `deeptutorial train` runs them. In
site-packages, modules of those names at the top would be rude.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class BuildWithScripts(build_py):
    """Copies the scripts into the package that is built."""

    def run(self):
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib, "deeptutorial", "scripts")
            folder.mkdir(parents=True, exist_ok=True)
            for script in ("dA.py", "SdA.py"):
                shutil.copy(HERE / script, folder)


setup(cmdclass={"build_py": BuildWithScripts})
