"""Commands that measure steering: sensitivity, table3."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from backend.cli.console import HERE, JsonOption, SaeOption, StudyArgument, open_study, print_json
from backend.cli.jobs import EventsOption, run_command
from backend.errors import ArdError

if TYPE_CHECKING:
    from backend.evaluate.sensitivity.request import Defaults
    from backend.jobs.job import Job
    from backend.study.folder import Study
    from backend.study.settings import AudioSection, Settings

Many = list[str] | None
MAPS = ("best", "all")


def sensitivity(
    study: StudyArgument = HERE,
    sae: SaeOption = "",
    concept: Annotated[
        Many, typer.Option("--concept", help='Of the features file, "source->target", or a target; repeatable.')
    ] = None,
    features: Annotated[Path | None, typer.Option("--features", help="JSON file of concepts and features.")] = None,
    map_: Annotated[
        Many, typer.Option("--map", help="Without a file: best (largest m among the named), all; repeatable (A-52).")
    ] = None,
    label: Annotated[str, typer.Option("--label", help="Label of the clips that says what they are.")] = "category",
    source: Annotated[str, typer.Option("--source", help="Source of concepts that name none; * is any other.")] = "*",
    prompt: Annotated[Many, typer.Option("--prompt", help="What is asked; of several one is drawn per clip.")] = None,
    prompts: Annotated[
        str, typer.Option("--prompts", help="File with a prompt a line; or emotion, gender (A-54).")
    ] = "",
    values: Annotated[
        str, typer.Option("--values", help='Tried on the selection part: "0,5,20" absolute, "1x,2x" times the own.')
    ] = "",
    mode: Annotated[Many, typer.Option("--mode", help="Modes to try; repeatable (A-48).")] = None,
    positions: Annotated[str, typer.Option("--positions", help="none, audio or prompt (A-50).")] = "audio",
    decode: Annotated[str, typer.Option("--decode", help="off, reconstruct or steer (A-50).")] = "off",
    add_error: Annotated[bool, typer.Option("--add-error", help="Keep the reconstruction error (A-49).")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Folder of another data set than the study's.")] = None,
    adapter: Annotated[str, typer.Option("--adapter", help="Its layout: folder, audiobench …")] = "folder",
    manifest: Annotated[str, typer.Option("--manifest", help="Its JSONL or CSV manifest.")] = "",
    selection_split: Annotated[Many, typer.Option("--selection-split", help="Splits to choose on; repeatable.")] = None,
    test_split: Annotated[Many, typer.Option("--test-split", help="Splits that figures come from; repeatable.")] = None,
    selection_share: Annotated[
        float, typer.Option("--selection-share", min=0.0, max=1.0, help="Without splits: share drawn for choosing.")
    ] = 0.5,
    group_by: Annotated[
        str, typer.Option("--group-by", help="Label whose clips stay in one part, e.g. the recording.")
    ] = "group",
    selection_clips: Annotated[int, typer.Option("--selection-clips", min=0, help="At most; 0 for all.")] = 60,
    test_clips: Annotated[int, typer.Option("--test-clips", min=0, help="At most, of each concept; 0 for all.")] = 0,
    judge: Annotated[str, typer.Option("--judge", help="rules, binary, direct or builtin (A-56).")] = "rules",
    agreement: Annotated[str, typer.Option("--agreement", help="A second judge, to see whether they agree.")] = "",
    judge_model: Annotated[str, typer.Option("--judge-model", help="Language model of the judge.")] = "",
    judge_url: Annotated[str, typer.Option("--judge-url", help="Its OpenAI-compatible endpoint.")] = "",
    words: Annotated[str, typer.Option("--words", help="TOML file of how labels are said; or emotion, gender.")] = "",
    merge: Annotated[Many, typer.Option("--merge", help="excited=happy counts as the same; repeatable (A-57).")] = None,
    kind: Annotated[str, typer.Option("--kind", help="Kind of question, for the judge builtin.")] = "",
    random_sets: Annotated[int, typer.Option("--random-sets", min=0, help="Random sets on the test part.")] = 20,
    selection_random_sets: Annotated[
        int,
        typer.Option("--selection-random-sets", min=0, help="On the selection part: choose by the rate above them."),
    ] = 0,
    enough: Annotated[
        float, typer.Option("--enough", min=0.0, max=1.0, help="Rates above it count as equal: the least dose wins.")
    ] = 1.0,
    raw_units: Annotated[bool, typer.Option("--raw-units/--no-raw-units", help="Ask under raw units too.")] = True,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Longest answer in tokens.")] = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of prompts, parts and random sets.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the results; else one in the study.")] = None,
    as_json: JsonOption = False,
    events: EventsOption = False,
) -> None:
    """Measure how often steering shifts the answer to a target class, beside every control (Table 3)."""
    from backend.evaluate.sensitivity.measure import Plan
    from backend.evaluate.sensitivity.run import RESULT, Request, run
    from backend.steer.answers import Sampling
    from backend.store.features import choose
    from backend.study.atomic import read_json

    if as_json and events:
        raise typer.BadParameter("--json and --events both print to stdout; name one")
    place = open_study(study)
    request = Request(
        choose(place, sae), tuple(concept or ()), features,
        _defaults(label, source, kind, _prompts(prompt, prompts), values, mode, positions, decode, add_error, map_,
                  words, merge),
        _data(data, adapter, manifest), tuple(selection_split or ()), tuple(test_split or ()), selection_share,
        group_by, judge, agreement,
        Plan(seed, random_sets, selection_random_sets, selection_clips, test_clips, raw_units, enough),
        Sampling(tokens),
    )  # fmt: skip
    made: list[Path] = []

    def work(study: Study, settings: Settings, job: Job) -> None:
        with job.running("sensitivity"):
            made.append(run(study, _with_judge(settings, judge_model, judge_url), request, job, out))

    run_command(place.root, "sensitivity", work, events)
    if events:
        return
    if as_json:
        print_json({"folder": str(made[0]), **read_json(made[0] / RESULT)})
        return
    print((made[0] / "table.md").read_text(encoding="utf-8"))
    print(f"written to {made[0]}")


def table3(
    results: Annotated[list[Path], typer.Argument(help="Folders or result.json files of ard sensitivity.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="A .md, .csv or .json file; else Markdown is shown.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Table 3 of the AR&D paper beside what was measured."""
    import json

    from backend.evaluate.sensitivity.table3 import as_csv, as_markdown
    from backend.evaluate.sensitivity.table3 import table3 as build
    from backend.study.atomic import read_json, write_text

    table = build([read_json(one / "result.json" if one.is_dir() else one) for one in results])
    text = {
        ".csv": lambda: as_csv(table), ".json": lambda: json.dumps(table, indent=2, ensure_ascii=False) + "\n",
        ".md": lambda: as_markdown(table),
    }  # fmt: skip
    if out is not None:
        if out.suffix.lower() not in text:
            raise ArdError("the table is written as .md, .csv or .json", path=out, todo="Name such a file.")
        write_text(out, text[out.suffix.lower()]())
    if as_json:
        print_json(table)
    elif out is None:
        print(as_markdown(table))


def _defaults(
    label: str, source: str, kind: str, prompts: tuple[str, ...], values: str, mode: Many, positions: str,
    decode: str, add_error: bool, maps: Many, words: str, merge: Many,
) -> Defaults:  # fmt: skip
    """What the options say of every concept; ArdError for a word that is none of those known."""
    from backend.evaluate.sensitivity.request import Defaults, read_words
    from backend.steer.intervention import Intervention

    steering: dict[str, object] = {"positions": positions, "decode": decode, "add_error": add_error}
    modes = tuple(Intervention.of([], mode=one, **steering).mode for one in mode or ["pre_topk"])
    said, references = read_words(words) if words else ({}, {})
    return Defaults(
        label, source, kind, prompts, tuple(one.strip() for one in values.split(",") if one.strip()), modes,
        Intervention.of([], **steering), tuple(_map(one) for one in maps or ["best"]), said, references,
        dict(_pair(one) for one in merge or ()),
    )  # fmt: skip


def _map(name: str) -> Literal["best", "all"]:
    if name == "best":
        return "best"
    if name == "all":
        return "all"
    raise typer.BadParameter(f"--map is one of {', '.join(MAPS)}")


def _pair(text: str) -> tuple[str, str]:
    first, separator, second = text.partition("=")
    if not (separator and first.strip() and second.strip()):
        raise typer.BadParameter(f'--merge wants "label=label", not "{text}"')
    return first.strip(), second.strip()


def _prompts(given: Many, file: str) -> tuple[str, ...]:
    from backend.evaluate.sensitivity.items import read_prompts
    from backend.resources import resource

    if given and file:
        raise typer.BadParameter("--prompt and --prompts exclude each other")
    if not file:
        return tuple(given or ())
    path = Path(file).expanduser()
    if path.is_file():
        return read_prompts(path)
    shipped = sorted(one.stem for one in resource("questions").glob("*.txt"))
    if file not in shipped:
        raise ArdError("there is no such file of prompts", path=path, todo=f"Name one, or: {', '.join(shipped)}.")
    return read_prompts(resource(f"questions/{file}.txt"))


def _data(folder: Path | None, adapter: str, manifest: str) -> AudioSection | None:
    from backend.study.settings import AudioSection

    if folder is None:
        if manifest:
            raise typer.BadParameter("--manifest needs --data, the folder its paths are relative to")
        return None
    where = Path(manifest).expanduser()
    named = str(where.resolve()) if manifest and where.is_file() else manifest
    return AudioSection(adapter=adapter, path=str(folder.expanduser().resolve()), manifest=named)


def _with_judge(settings: Settings, model: str, url: str) -> Settings:
    """The settings with another language model to judge."""
    if not (model or url):
        return settings
    changes = {"namer": "endpoint" if url else "causal-lm", "model": model, "url": url}
    return settings.model_copy(update={"names": settings.names.model_copy(update=changes)})


COMMANDS = (sensitivity, table3)
