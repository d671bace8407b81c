"""`ard`: every stage and every question without the desktop.

Commands import what they need when they run, so that `ard status` costs no import of torch.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer

from backend.cli import (
    browse,
    compare,
    concepts,
    effects,
    environment,
    estimate,
    exchange,
    forms,
    hallucination,
    import_sae,
    jobs,
    map,
    notes,
    quality,
    queue,
    rating,
    saved_steering,
    search,
    sensitivity,
    setup,
    sounds,
    steer,
    steerability,
    studies,
)
from backend.errors import ArdError, Stopped

EXIT_ERROR, EXIT_CRASH, EXIT_STOPPED = 1, 70, 130

app = typer.Typer(
    name="ard",
    help="Concept explorer for audio language models.",
    epilog="--traceback after any command, or ARD_TRACEBACK=1, shows where an error came from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    studies,
    estimate,
    jobs,
    browse,
    concepts,
    search,
    sounds,
    steer,
    steerability,
    effects,
    sensitivity,
    hallucination,
    map,
    compare,
    quality,
    exchange,
    queue,
    import_sae,
    forms,
    forms,
    queue,
    environment,
    setup,
):
    for command in group.COMMANDS:
        app.command(command.__name__.replace("_", "-").rstrip("-"))(command)
notes.app.add_typer(saved_steering.app)
app.add_typer(notes.app)
app.add_typer(rating.app)
app.add_typer(queue.app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `ard`; ends the process with the command's exit status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status.

    0 success, 1 an error a person can act on, 2 wrong usage, 70 an unexpected error, 130 stopped.
    """
    words = [word for word in arguments if word != "--traceback"]
    wants_traceback = len(words) != len(arguments) or os.environ.get("ARD_TRACEBACK", "") not in ("", "0")
    try:
        app(words, prog_name="ard")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except BrokenPipeError:
        _silence_stdout()
        return EXIT_ERROR
    except Exception as error:
        if wants_traceback:
            traceback.print_exc()
        return _report(error)
    return 0


def _report(error: Exception) -> int:
    """Say what happened on stderr; returns the exit status."""
    if isinstance(error, Stopped):
        print(f"ard: {error}", file=sys.stderr)
        return EXIT_STOPPED
    if isinstance(error, ArdError):
        print(f"ard: {error}", file=sys.stderr)
        return EXIT_ERROR
    log = getattr(error, "log", None) or _crash_file(error)
    name = str(error) if hasattr(error, "log") else f"{type(error).__name__}: {error}"
    print(f"ard: unexpected error: {name}. The whole report is in {log}", file=sys.stderr)
    return EXIT_CRASH


def _crash_file(error: Exception) -> Path:
    """Where the traceback of a command without a run folder was written."""
    handle, name = tempfile.mkstemp(prefix="ard-crash-", suffix=".txt", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return Path(name)


def _silence_stdout() -> None:
    """Whoever read the output has gone (`ard features | head`); the interpreter must not complain when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
