"""What runs here, for reports."""

from __future__ import annotations

import platform
from functools import cache

PACKAGES = ("ard", "PySide6-Essentials", "pyqtgraph", "numpy", "h5py", "soundfile", "sounddevice")


@cache
def versions() -> str:
    """A line each for system, Python and the packages of the desktop; imports none of them."""
    from importlib.metadata import PackageNotFoundError, version  # reads mail headers: too much for every start

    lines = [f"system {platform.platform()}", f"python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lines.append(f"{name} is not installed")
    return "\n".join(lines)
