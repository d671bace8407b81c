"""How a study's commands are started: the user's launch prefix, what it is put before, and the supervisor itself.

The prefix (`torchrun --nproc-per-node 2 --no-python`, `srun …`) is the user's own and never a study's: a study from
elsewhere must not be able to run a command.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.study.runnable import STAGES
from backend.study.user_data import user_data

PREFIX = "launch_prefix"
"""Its name in the user's `preferences.json`."""
PREFIXED = ("extract", "train")
"""The stages that several processes can share."""


def preferences_file() -> Path:
    """The user's preferences, which need not exist."""
    return user_data() / "preferences.json"


def launch_prefix() -> list[str]:
    """The words that the user wants before `python` for extraction and training; none if none are set.

    Raises ArdError if the preferences or the prefix cannot be read.
    """
    path = preferences_file()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ArdError(f"your preferences cannot be read: {error}", path=path, todo="Run: ard-gui --reset") from error
    text = values.get(PREFIX, "") if isinstance(values, dict) else ""
    try:
        if not isinstance(text, str):
            raise ValueError("it is not a text")
        return shlex.split(text, posix=os.name != "nt")
    except ValueError as error:
        raise ArdError(f"the launch prefix in your preferences is none: {error}", path=path, todo=_CORRECT) from error


def checked_prefix() -> list[str]:
    """`launch_prefix`, or ArdError also if its program is not there."""
    prefix = launch_prefix()
    if prefix and shutil.which(prefix[0]) is None:
        raise ArdError(
            f"the program of the launch prefix is not there: {prefix[0]}", path=preferences_file(), todo=_CORRECT
        )
    return prefix


def command_line(study: Path, command: str, arguments: Sequence[str]) -> list[str]:
    """What is run for `ard COMMAND STUDY ARGUMENTS…`, with the prefix where there is one for it."""
    prefix = checked_prefix() if command in PREFIXED else []
    return [*prefix, *ard_words(command, str(study), *arguments)]


def ard_words(*words: str) -> list[str]:
    """`ard WORDS…` in this installation, whatever folder it is started in."""
    return [sys.executable, "-P", "-m", "backend.cli.main", *words]


def steps(command: str, arguments: Sequence[str] = ()) -> list[tuple[str, tuple[str, ...]]]:
    """What to queue for one command, each after the one before it.

    `run` works in one process, so with a launch prefix it is queued as its stages.
    """
    if command == "run" and launch_prefix():
        return [(stage, tuple(arguments)) for stage in STAGES]
    return [(command, tuple(arguments))]


def start_supervisor(study: Path) -> None:
    """`ard work` in a session of its own: it outlives who starts it, and ends at once where another works already."""
    child = subprocess.Popen(
        ard_words("work", str(study)), cwd=study, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, **apart(),
    )  # fmt: skip
    threading.Thread(target=child.wait, name="supervisor's end", daemon=True).start()  # or it stays behind as a zombie


def apart() -> dict[str, Any]:
    """How a child is started so that neither Ctrl-C nor the end of its starter reaches it."""
    if os.name == "nt":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP  # type: ignore[attr-defined,unused-ignore]
        return {"creationflags": flags}
    return {"start_new_session": True}


_CORRECT = "Correct it in the window's preferences, or remove it there."
