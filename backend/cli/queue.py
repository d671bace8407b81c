"""Commands about what a study is asked to run and has run: work, runs and queue …"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import HERE, JsonOption, StudyArgument, duration, open_study, print_json, size, table
from backend.errors import ArdError

if TYPE_CHECKING:
    from backend.study.folder import Study
    from backend.study.queue import Request
    from backend.study.run_records import RunRecord

NAMES = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    name="queue", help="What the study is asked to run, in order.", no_args_is_help=True, context_settings=NAMES
)
StudyFirst = Annotated[Path, typer.Argument(metavar="STUDY", help="Study folder.")]
WhichArgument = Annotated[
    str, typer.Argument(metavar="REQUEST", help="Its id, the beginning of one, or its command if there is only one.")
]


def work(study: StudyArgument = HERE) -> None:
    """Work off the study's queue, one request at a time, and end when nothing is left to do.

    The commands go on if this one is interrupted; another ard work follows them.
    """
    from backend.jobs.supervisor import work as work_off

    if not work_off(open_study(study), lambda text: typer.echo(text, err=True)):
        typer.echo("another ard work is at it", err=True)


def runs(
    study: StudyArgument = HERE,
    run: Annotated[list[str] | None, typer.Argument(metavar="[RUN [RUN]]", help="One run, or two to compare.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the study's runs; one with its stages, or in which settings two differ."""
    from backend.study.run_records import list_runs, read_run, run_settings

    place, named = open_study(study), run or []
    if len(named) > 2:
        raise ArdError("two runs can be compared, not more")
    found = [read_run(place, name) for name in named] if named else list_runs(place)
    if len(found) == 2 and named:
        _show_differences(found, [run_settings(place, one.id) for one in found], as_json)
    elif as_json:
        print_json({"runs": [one.plain() for one in found]})
    else:
        columns = ("run", "command", "state", "started", "took", "peak memory", "on the device")
        table(f"{len(found)} {'run' if len(found) == 1 else 'runs'}", columns, (_row(one) for one in found))
        for one in found if named else ():
            _show_stages(one)


def list_(study: StudyArgument = HERE, as_json: JsonOption = False) -> None:
    """Show the queue in the order in which it will be worked off."""
    from backend.study import queue
    from backend.study.liveness import read_holder

    place = open_study(study)
    there, problems = queue.requests(place), queue.problems(place)
    supervisor = read_holder(queue.folder(place) / queue.SUPERVISOR)
    at_work = supervisor is not None and supervisor.alive is not False
    if as_json:
        print_json({"requests": [asdict(one) for one in there], "problems": problems, "supervisor": at_work})
        return
    columns = ("request", "command", "state", "tries", "")
    table(f"{len(there)} {'request' if len(there) == 1 else 'requests'}", columns, (
        (one.id, " ".join((one.command, *one.arguments)), one.state, one.tries, one.text) for one in there
    ))  # fmt: skip
    for text in problems:
        print(f"\n{text}")
    if not at_work and any(one.state not in ("paused", "failed") for one in there):
        print(f"\nnobody works it off: ard work {study}")


def add(
    study: StudyFirst,
    command: Annotated[str, typer.Argument(metavar="COMMAND", help="run, train, map …")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[WORDS]", help="Its options.")] = None,
    after: Annotated[
        list[str] | None, typer.Option("--after", help="Request that must finish first; repeatable.")
    ] = None,
    no_start: Annotated[bool, typer.Option("--no-start", help="Do not start working the queue off.")] = False,
) -> None:
    """Put ard COMMAND STUDY WORDS… at the end of the queue and see that the queue is worked off.

    With a launch prefix in your preferences, run is queued as its stages.
    """
    from backend.study import queue
    from backend.study.launch import steps

    place, words = open_study(study), list(arguments or [])
    if command == "import-sae" and words and Path(words[0]).exists():
        words[0] = str(Path(words[0]).resolve())  # the supervisor stands in the study's folder
    before = [_which(place, one).id for one in after or []]
    for one in queue.add_all(place, steps(command, words), before):
        print(one.id)
    if not no_start:
        _start(place)


def pause(study: StudyFirst, request: WhichArgument) -> None:
    """Let a waiting request wait for resume; ask a running one to write a checkpoint and stop."""
    from backend.study import queue

    place = open_study(study)
    if queue.pause(place, _which(place, request).id).state == "pausing":
        _start(place)


def resume(study: StudyFirst, request: WhichArgument) -> None:
    """Let a paused request run again, from where it was."""
    from backend.study import queue

    place = open_study(study)
    queue.resume(place, _which(place, request).id)
    _start(place)


def cancel(study: StudyFirst, request: WhichArgument) -> None:
    """Take a request off the queue; a running one is stopped first. What it has finished is kept."""
    from backend.study import queue

    place = open_study(study)
    found = _which(place, request)
    queue.cancel(place, found.id)
    if found.state not in ("waiting", "paused", "failed"):
        _start(place)


def retry(study: StudyFirst, request: WhichArgument) -> None:
    """Let a failed request run again, with the study's settings as they are now."""
    from backend.study import queue

    place = open_study(study)
    queue.retry(place, _which(place, request).id)
    _start(place)


def dismiss(study: StudyFirst, request: WhichArgument) -> None:
    """Take a failed or paused request off the queue. Its run's folder stays."""
    from backend.study import queue

    place = open_study(study)
    queue.dismiss(place, _which(place, request).id)


def move(
    study: StudyFirst,
    request: WhichArgument,
    by: Annotated[
        int, typer.Argument(metavar="PLACES", help="Towards the end; with -- before it, -1 is towards the head.")
    ],
) -> None:
    """Move a request within the queue."""
    from backend.study import queue

    place = open_study(study)
    queue.move(place, _which(place, request).id, by)


app.command("list")(list_)
app.command("add", context_settings={**NAMES, "ignore_unknown_options": True})(add)
for command in (pause, resume, cancel, retry, dismiss):
    app.command(command.__name__)(command)
app.command("move", context_settings={**NAMES, "ignore_unknown_options": True})(move)


def _start(place: Study) -> None:
    from backend.study.launch import start_supervisor

    start_supervisor(place.root)


def _which(place: Study, word: str) -> Request:
    """The one request that is meant."""
    from backend.study import queue

    there = queue.requests(place)
    for found in (
        [one for one in there if one.id == word],
        [one for one in there if word and (one.id.startswith(word) or one.command == word)],
    ):
        if len(found) == 1:
            return found[0]
    known = ", ".join(one.id for one in there) or "nothing"
    what = "several requests begin with or are" if found else "no request begins with or is"
    raise ArdError(f"{what} '{word}'", path=queue.folder(place), todo=f"There is: {known}.")


def _row(one: RunRecord) -> tuple[Any, ...]:
    memory = max((int(stage.get("peak_memory_bytes", 0)) for stage in one.stages.values()), default=0)
    device = max((int(stage.get("peak_device_bytes", 0)) for stage in one.stages.values()), default=0)
    took = None if one.seconds is None else duration(one.seconds)
    peaks = (size(memory) if memory else None, size(device) if device else None)
    return one.id, one.command, one.state, one.started[:19], took, *peaks


def _show_stages(one: RunRecord) -> None:
    rows = [
        (name, duration(float(told["seconds"])), size(told.get("peak_memory_bytes", 0)),
         size(told.get("peak_device_bytes", 0))) for name, told in one.stages.items()
    ]  # fmt: skip
    print()
    table("", ("stage", "took", "peak memory", "on the device"), rows)
    if one.text:
        print(f"\n{one.text}")


def _show_differences(two: list[RunRecord], settings: list[dict[str, Any]], as_json: bool) -> None:
    names = sorted({*settings[0], *settings[1]})
    differ = {
        name: [one.get(name) for one in settings] for name in names if settings[0].get(name) != settings[1].get(name)
    }
    if as_json:
        print_json({"runs": [one.plain() for one in two], "differences": differ})
        return
    table("", ("", two[0].id, two[1].id), [
        (title, *values) for title, *values in zip(
            ("command", "state", "started", "took", "peak memory", "on the device"),
            *(_row(one)[1:] for one in two), strict=True,
        )
    ])  # fmt: skip
    print()
    table(
        "1 setting differs" if len(differ) == 1 else f"{len(differ)} settings differ",
        ("setting", "", " "),
        [(name, *map(str, values)) for name, values in differ.items()],
    )


COMMANDS = (work, runs)
