"""Commands about this installation: doctor, demo."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from backend.cli.console import JsonOption, print_json
from backend.cli.jobs import EventsOption

SIGNS = {"ok": "ok", "warning": "!", "problem": "✘"}


def doctor(
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY]", help="Also examine this study.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Examine this installation, and a study if one is named; say what to do about each problem."""
    from backend.doctor.checks import examine

    found = []
    for check in examine(study):
        found.append(check)
        if not as_json:
            print(f"{SIGNS[check.state]:>2}  {check.name}: {check.text}")
            if check.todo:
                print(f"      → {check.todo}")
    problems = sum(check.state == "problem" for check in found)
    if as_json:
        print_json({"problems": problems, "checks": [check.plain() for check in found]})
    else:
        print(f"\n{problems} problem{'' if problems == 1 else 's'}" if problems else "\nEverything ARD needs is here.")
    if problems:
        raise typer.Exit(1)


def demo(
    study: Annotated[Path, typer.Option("--study", help="Where the demo lives; kept for next time.")] = Path(
        "demo-study"
    ),
    gui: Annotated[
        bool, typer.Option("--gui/--no-gui", help="Open the window at the end, where there is a display.")
    ] = True,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the SAE that is trained here.")] = 0,
    events: EventsOption = False,
) -> None:
    """Run the whole pipeline on the built-in model and its clips, a minute or two; kept for next time."""
    from backend.cli.jobs import run_command
    from backend.demo.report import closing_words
    from backend.demo.study import build, prepare, shipped_id

    place = prepare(study, seed)
    if run_command(place.root, "demo", build, events) and not events:
        typer.echo("everything is current", err=True)
    print(closing_words(place))
    sae = f"--sae {shipped_id()}"
    print(f"\nlook further: ard features {study} {sae} --sort max_score    ard feature {study} K {sae}")
    if gui:
        open_window(study)


def open_window(study: Path) -> None:
    """Start the desktop in a process of its own; says why not where it cannot be."""
    import importlib.util
    import subprocess

    if not has_display() or importlib.util.find_spec("ard_gui.app") is None:
        typer.echo(f"no display here; on a desktop the window opens now, or with: ard-gui {study}", err=True)
        return
    subprocess.Popen([sys.executable, "-P", "-m", "ard_gui.app", str(study)], start_new_session=True)


def has_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a person could see a window: a display, no automatic build, no session over a network shell."""
    unseen = environment.get("QT_QPA_PLATFORM", "").split(":")[0] in ("offscreen", "minimal", "vnc", "linuxfb")
    if unseen or environment.get("CI", "").lower() not in ("", "0", "false"):
        return False
    if platform == "darwin":
        return not environment.get("SSH_CONNECTION")
    return platform == "win32" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


COMMANDS = (doctor, demo)
