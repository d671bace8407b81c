"""Standard output kept for a protocol (design §2)."""

from __future__ import annotations

import os
import sys
from typing import Any


def keep_stdout_for_protocol() -> Any:
    """A stream on the present stdout, which itself then leads to stderr.

    A library that prints cannot corrupt the event lines this way (design §2).
    """
    sys.stdout.flush()
    try:
        stream = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
    except OSError:
        return sys.stdout
    return stream
