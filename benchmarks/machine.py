"""What the figures were measured on and with."""

import os
import platform
import sys
from contextlib import suppress
from datetime import date
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from benchmarks.setting import usable_cpus

__all__ = ["describe"]

PACKAGES = ("deeptutorial", "pytensor", "numba", "numpy", "scipy", "torch", "jax", "mkl")


def describe(command: str, threads: int) -> list[str]:
    """Return the lines that say when, on what machine and with which versions."""
    memory = total_memory()
    lines = [
        f"Date: {date.today().isoformat()}",
        f"Command: `{command}`",
        f"CPU: {cpu_model()}, {usable_cpus()} usable, {threads} used",
        *([f"Memory: {memory / 2**30:.0f} GiB"] if memory else []),
        f"System: {system()}",
        f"Versions: Python {platform.python_version()}, " + ", ".join(versions()),
        f"NumPy's BLAS: {numpy_blas()}",
    ]
    if hasattr(os, "getloadavg"):
        lines.append(f"Load average before the run: {os.getloadavg()[0]:.2f}")
    return lines


def cpu_model() -> str:
    values = {}
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            values.setdefault(name.strip(), value.split())
    if "model name" not in values:
        return platform.processor() or platform.machine() or "unknown"
    widest = next((x for x in ("avx512f", "avx2", "avx") if x in values.get("flags", [])), "")
    return " ".join(values["model name"]) + (f" ({widest})" if widest else "")


def total_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def system() -> str:
    if sys.platform == "linux":
        try:
            name = platform.freedesktop_os_release().get("PRETTY_NAME")
        except OSError:
            name = None
        return f"{name or 'Linux'}, {platform.machine()}, kernel {platform.release()}"
    return platform.platform()


def versions() -> list[str]:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def numpy_blas() -> str:
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
