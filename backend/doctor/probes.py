"""Questions that could crash or hang, each answered by a process of its own: `python -m backend.doctor.probes NAME`.

Prints one JSON object. A library that aborts takes only this process with it.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any


def torch_device() -> dict[str, Any]:
    """The torch build and the devices it can use."""
    import torch

    mps = bool(getattr(torch.backends, "mps", None) and torch.backends.mps.is_available())
    cuda = torch.cuda.is_available()
    return {
        "version": torch.__version__,
        "built_for_cuda": torch.version.cuda or "",
        "cuda": [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())] if cuda else [],
        "mps": mps,
        "threads": torch.get_num_threads(),
        "works": float((torch.ones(2, 2) @ torch.ones(2, 2)).sum()) == 8.0,
    }


def audio() -> dict[str, Any]:
    """PortAudio and the default output device."""
    import sounddevice

    outputs = [d["name"] for d in sounddevice.query_devices() if d["max_output_channels"] > 0]
    return {"version": sounddevice.get_portaudio_version()[1], "outputs": outputs}


def decoding() -> dict[str, Any]:
    """The formats libsndfile can read."""
    import soundfile

    return {"version": soundfile.__libsndfile_version__, "formats": sorted(soundfile.available_formats())}


def qt() -> dict[str, Any]:
    """Qt's libraries, and those its window-system plugin asks for."""
    import PySide6
    from PySide6 import QtCore, QtGui, QtWidgets  # noqa: F401

    found = {"version": PySide6.__version__, "missing": ""}
    plugin = Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    if plugin.exists():
        try:
            ctypes.CDLL(str(plugin))
        except OSError as error:
            found["missing"] = str(error).split(":", 1)[0]
    return found


PROBES = {"torch": torch_device, "audio": audio, "decoding": decoding, "qt": qt}

if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]]()))
