"""Where ARD keeps what belongs to the user and to no study."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "ARD_HOME"


def user_data(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The user's data directory for ARD, which need not exist: $ARD_HOME, or the system's usual place.

    For an account without a home (a container's) it is a folder of its own among the system's temporary files.
    """
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE]).expanduser().absolute()
    try:
        home = Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"ard-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "ard"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "ard"
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "ard"
