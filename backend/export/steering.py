"""Saved steering results as CSV, JSON or Markdown, and each one as the command line that makes it again."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.export.csv_text import csv_text
from backend.export.markdown import escaped
from backend.export.wording import number
from backend.store.notes.notes import Notes
from backend.store.notes.saved_steering import SavedResult
from backend.store.notes.steering import Condition, SteeringResult, ordered
from backend.store.notes.steering_document import from_json
from backend.study.atomic import write_text

FORMAT, VERSION = "ard-steering", 1
COLUMNS = (
    "result", "title", "note", "author", "saved", "deleted", "problem", "sae", "ranking", "layer", "model", "clip",
    "record", "path", "member", "start", "end", "duration", "prompt", "features", "values", "maxima", "names", "mode",
    "positions", "decode", "add_error", "max_new_tokens", "temperature", "seed", "time", "made_with", "condition",
    "text", "tokens", "kl_first", "kl_answer", "repetition", "coherent", "ended", "survived", "command",
)  # fmt: skip
BREAK = " | "
"""Between names, which may have spaces in them."""


@dataclass(frozen=True)
class SteeringRecord:
    """A saved result with everything an export tells of it.

    Attributes
    ----------
    saved : SavedResult
    document : Any
        As it is kept.
    result : SteeringResult or None
        None where the document cannot be read; `saved.contents.problem` says why.
    command : str
        `reproducing_command` for the shell; "" where there is no result.
    """

    saved: SavedResult
    document: Any
    result: SteeringResult | None
    command: str


def reproducing_command(result: SteeringResult, study: Path, sae: str = "") -> tuple[list[str], str]:
    """The words of the `ard steer` that makes this result again, and the same quoted for this system's shell.

    Parameters
    ----------
    study : Path
        The study's folder.
    sae : str
        Id of the SAE in it; the id it had when the result was saved if left out.
    """
    words = ["ard", "steer", str(study), "--sae", sae or result.ranking]
    clip = result.clip
    if clip.record:
        words += ["--clip", clip.record]
    else:
        words += ["--sound", clip.path, "--start", repr(clip.start)]
        words += ["--end", repr(clip.end)] if clip.end is not None else []
    words += ["--prompt", result.prompt]
    for one in result.features:
        words += ["--feature", f"{one.feature}={one.value!r}"]
    words += ["--mode", result.mode, "--positions", result.positions, "--decode", result.decode]
    words += ["--add-error"] if result.add_error else []
    words += ["--tokens", str(result.max_new_tokens), "--temperature", repr(result.temperature)]
    words += ["--seed", str(result.seed)]
    return words, subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def steering_records(
    notes: Notes, study: Path, saes: dict[str, str], chosen: Collection[str] | None = None, *, deleted: bool = False
) -> list[SteeringRecord]:
    """The saved results of a study, the newest first; on the thread of `notes`.

    Parameters
    ----------
    saes : dict of SAE id to its key
        `sae_keys`: under which id each SAE is known now.
    chosen : collection of id
        Only these, deleted or not; all that are not deleted if left out.
    deleted : bool
        Of all, the deleted ones too.
    """
    known = notes.saved_results(deleted=deleted or chosen is not None)
    wanted = [one for one in known if chosen is None or one.id in chosen]
    return [_record(notes, one, study, {key: name for name, key in reversed(saes.items())}) for one in wanted]


def write_steering(records: Sequence[SteeringRecord], path: Path, kind: str = "") -> int:
    """Write results as "csv", "json" or "markdown", by the ending of `path` (.csv, .json, .md) if `kind` is empty.

    The file appears whole or not at all; returns the number of results.
    """
    found = kind or next((name for name, ending in ENDINGS.items() if path.suffix.lower() == ending), "")
    if found not in WRITERS:
        raise ArdError(
            "steering results are written as .csv, .json or .md", path=path,
            todo="Choose one of these endings, or name a format: csv, json or markdown.",
        )  # fmt: skip
    write_text(path, WRITERS[found](records))
    return len(records)


def as_csv(records: Sequence[SteeringRecord]) -> str:
    """A row per result and condition with `COLUMNS`; one row for a result that cannot be read.

    Numbers of several features stand with spaces between them, names with " | ".
    """
    return csv_text(_rows(records), COLUMNS)


def _rows(records: Sequence[SteeringRecord]) -> Iterator[dict[str, Any]]:
    for one in records:
        head = _head(one) | ({} if one.result is None else _settings(one.result))
        head |= {"command": one.command, "problem": one.saved.contents.problem}
        conditions = [] if one.result is None else ordered(one.result.conditions)
        for row in [_answer(name, found) for name, found in conditions] or [{}]:
            yield head | row


def as_json(records: Sequence[SteeringRecord]) -> str:
    """`{"format", "version", "results": [ … ]}`, one result a line, each with its whole document."""
    lines = (
        json.dumps(
            _head(one) | {"problem": one.saved.contents.problem, "command": one.command, "document": one.document},
            ensure_ascii=False, allow_nan=False,
        )
        for one in records
    )  # fmt: skip
    head = f'{{"format": "{FORMAT}", "version": {VERSION}, "results": ['
    return head + ",".join(f"\n{line}" for line in lines) + "\n]}\n"


def as_markdown(records: Sequence[SteeringRecord]) -> str:
    """A section per result: what was asked, the answers side by side, and the command line."""
    return "\n".join(["# Steering results\n", *(_section(one) for one in records)])


WRITERS: dict[str, Callable[[Sequence[SteeringRecord]], str]] = {
    "csv": as_csv, "json": as_json, "markdown": as_markdown,
}  # fmt: skip
ENDINGS = {"csv": ".csv", "json": ".json", "markdown": ".md"}


def settings_line(result: SteeringResult) -> str:
    """Everything that was set, in words."""
    error = "kept" if result.add_error else "dropped"
    drawn = f"temperature {result.temperature:g}, seed {result.seed}" if result.temperature else "most probable tokens"
    return (
        f"{result.mode}; positions: {result.positions}; while answering: {result.decode}; error term {error}; "
        f"at most {result.max_new_tokens} tokens; {drawn}"
    )


def _record(notes: Notes, saved: SavedResult, study: Path, ids: Mapping[str, str]) -> SteeringRecord:
    document = notes.steering_document(saved.id)
    if saved.contents.problem:
        return SteeringRecord(saved, document, None, "")
    result = from_json(document)
    return SteeringRecord(saved, document, result, reproducing_command(result, study, ids.get(saved.sae, ""))[1])


def _head(one: SteeringRecord) -> dict[str, Any]:
    saved = one.saved
    return {
        "result": saved.id, "title": saved.heading, "note": saved.note, "author": saved.contents.author,
        "saved": saved.contents.saved, "deleted": saved.deleted, "sae": saved.sae,
    }  # fmt: skip


def _settings(result: SteeringResult) -> dict[str, Any]:
    clip, features = result.clip, result.features
    plain = (
        "ranking", "layer", "model", "prompt", "mode", "positions", "decode", "add_error", "max_new_tokens",
        "temperature", "seed", "time",
    )  # fmt: skip
    return {
        **{name: getattr(result, name) for name in plain},
        "clip": clip.key, "record": clip.record, "path": clip.path, "member": clip.member,
        "start": clip.start, "end": clip.end, "duration": clip.duration,
        "features": [one.feature for one in features],
        "values": [one.value for one in features],
        "maxima": [one.maximum for one in features],
        "names": BREAK.join(one.name for one in features),
        "made_with": json.dumps(result.made_with, ensure_ascii=False, sort_keys=True),
    }  # fmt: skip


def _answer(name: str, found: Condition) -> dict[str, Any]:
    plain = ("text", "kl_first", "kl_answer", "repetition", "coherent", "ended", "survived")
    return {"condition": name, "tokens": len(found.tokens), **{one: getattr(found, one) for one in plain}}


def _section(one: SteeringRecord) -> str:
    saved, result = one.saved, one.result
    deleted = " (deleted)" if saved.deleted else ""
    lines = [f"## {escaped(saved.heading)}{deleted}\n"]
    if saved.note:
        lines.append("\n>\n".join(f"> {escaped(line)}" for line in saved.note.splitlines() if line.strip()) + "\n")
    if result is None:
        lines.append(f"This result cannot be shown: {escaped(saved.contents.problem)}\n")
        return "\n".join(lines)
    clip = result.clip
    told = [
        ("features", result.values() or "none"),
        ("sound", (clip.record or clip.path) + _part(clip.start, clip.end, clip.duration)),
        ("prompt", result.prompt or "none"),
        ("settings", settings_line(result)),
        ("SAE", f"{result.ranking} on {result.layer} of {result.model}"),
        ("saved", f"{saved.contents.saved[:10]} by {saved.contents.author}"),
    ]
    lines += [f"* {what}: {escaped(text)}" for what, text in told]
    lines += ["", *_answers(result), "", _fenced(one.command), ""]
    return "\n".join(lines)


def _answers(result: SteeringResult) -> list[str]:
    """The answers side by side, and their figures below each other."""
    there = ordered(result.conditions)
    rows: list[tuple[str, Callable[[str, Condition], str]]] = [
        ("answer", lambda _, one: "<br>".join(escaped(line) for line in one.text.splitlines())),
        ("KL of the first token", lambda _, one: number(one.kl_first)),
        ("mean KL of the answer", lambda _, one: number(one.kl_answer)),
        ("repetition", lambda _, one: number(one.repetition)),
        ("coherent", lambda _, one: _said(one.coherent)),
        ("ended by itself", lambda _, one: _said(one.ended)),
        ("survived", lambda _, one: " ".join(number(share) for share in one.survived)),
    ]
    lines = ["| |" + "".join(f" {name} |" for name, _ in there), "|---|" + "---|" * len(there)]
    for what, tell in rows:
        lines.append(f"| {what} |" + "".join(f" {tell(name, one)} |" for name, one in there))
    return lines


def _part(start: float, end: float | None, duration: float | None) -> str:
    if not start and end is None:
        return "" if duration is None else f", {duration:.4g} s"
    return f", {start:.4g} s to {'its end' if end is None else f'{end:.4g} s'}"


def _said(flag: bool | None) -> str:
    return "–" if flag is None else ("yes" if flag else "no")


def _fenced(text: str) -> str:
    """A block of code, whatever is in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{text}\n{fence}"
