"""What the package is and needs; `pip install .` reads it."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class BuildWithScripts(build_py):
    """Takes the tutorial's scripts along, for `deeptutorial train`.

    They lie at the top of a clone, where a reader finds them; in site-packages, modules of those
    names at the top would be rude.
    """

    def run(self):
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib, "deeptutorial", "scripts")
            folder.mkdir(parents=True, exist_ok=True)
            for script in ("dA.py", "SdA.py"):
                shutil.copy(HERE / script, folder)


setup(
    name="deeptutorial",
    version="0.1.0",
    description="The deeplearning.net tutorial on denoising autoencoders, on PyTensor",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["deeptutorial", "deeptutorial.*"]),
    cmdclass={"build_py": BuildWithScripts},
    entry_points={"console_scripts": ["deeptutorial = deeptutorial.commands:main"]},
    package_data={"deeptutorial.report": ["page.css"]},
    install_requires=[
        # The graphs and their compilers. 3.0.7 is the newest for Python 3.11.
        "pytensor>=3.0.7,<4",
        "numpy>=2",
        # PyTensor's default backend, for which the kernels are written, and its BLAS; both come
        # with PyTensor anyway.
        "numba>=0.60",
        "scipy>=1.11",
        "pillow>=10.3",  # reads and writes pictures
        "tqdm>=4.64",  # progress bars
        "platformdirs>=3",  # the user's cache folder on each system
        "filelock>=3.13",  # two processes at the same files; PyTensor needs it too
    ],
    extras_require={
        "sklearn": ["scikit-learn>=1.6"],  # for deeptutorial.estimator
        # Old scripts: fissix, the maintained lib2to3, translates Python 2; six is what many import.
        "theano": ["fissix>=24.4", "six>=1.16"],
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.5",
            "hypothesis>=6.100",
            "scikit-learn>=1.6",
            "fissix>=24.4",
            "setuptools>=77",
        ],
        "lint": ["ruff>=0.14"],
        # The reading companion: a site of Markdown pages and notebooks, formulas as MathML.
        # ipykernel 7 prints a warning about its transport at each start.
        "docs": ["sphinx>=8.1", "myst-nb>=1.2", "furo", "latex2mathml>=3.77", "ipykernel>=6.29,<7"],
        "jax": ["jax>=0.5"],  # the backend jax, on the CPU
        "cuda": ["jax[cuda12]>=0.5"],  # the same on an NVIDIA GPU
        "torch": ["torch>=2.6"],  # the backend pytorch
        "bench": ["torch", "jax", "matplotlib>=3.8", "threadpoolctl>=3"],
    },
)
