"""What importing PyTorch costs in a fresh process; asked before anything else imports it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from backend.estimate.watch import Watch


@dataclass(frozen=True)
class Startup:
    """Seconds of the import (None where it had happened before), and resident bytes after it."""

    seconds: float | None
    resident: int


def import_libraries() -> Startup:
    """Import what every computing stage imports."""
    there = "torch" in sys.modules
    with Watch() as watch:
        from importlib import import_module

        import_module("backend.targets.load")
        import_module("backend.train.run")
        import_module("backend.retrieval.result")
    return Startup(None if there else watch.seconds, watch.after)
