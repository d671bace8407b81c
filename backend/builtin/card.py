"""The model card of the built-in model: every figure of its evaluation, its sources, and what it cannot do."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.builtin.examples import SPLITS, Recording
from backend.builtin.questions import PAPER_PROMPT
from backend.study.atomic import write_text

CONFUSIONS_SHOWN = 8
FAILURES_SHOWN = 10
EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class Source:
    """Recordings of one source under one licence, by split."""

    name: str
    licence: str
    authors: tuple[str, ...]
    clips: Mapping[str, int]
    hours: float


@dataclass(frozen=True)
class CardSettings:
    """What a card says beside its figures.

    Attributes
    ----------
    name : str
        Of the model.
    licence : str
        Of the weights, as the hub spells it ("mit").
    summary : str
        A paragraph: what the model is and what it is for.
    made : mapping
        Settings it was made with, by name; written as they are.
    limits : sequence of str
        Further things it cannot do, with the reason; sentences.
    """

    name: str
    licence: str
    summary: str
    made: Mapping[str, Any] = field(default_factory=dict)
    limits: Sequence[str] = ()


LIMITS = (
    "It knows the sounds, languages and instruments of its training data and no others: an unknown sound is given a "
    "name it knows.",
    "It does not transcribe speech, tell who speaks, or name melodies.",
    "It hears the first 10 seconds of a clip. Of three sounds or more it may leave some out.",
    "It answers single questions of the kinds in the table; it does not hold a conversation.",
)


def sources_of(recordings: Iterable[Recording]) -> list[Source]:
    """One entry per source and licence, the largest first."""
    members: dict[tuple[str, str], list[Recording]] = defaultdict(list)
    for recording in recordings:
        members[recording.source, recording.licence].append(recording)
    found = [
        Source(
            name,
            licence,
            tuple(sorted({one.author for one in mine if one.author})),
            Counter(one.split for one in mine),
            sum(one.duration for one in mine) / 3600,
        )
        for (name, licence), mine in members.items()
    ]
    return sorted(found, key=lambda one: (-sum(one.clips.values()), one.name, one.licence))


def write_card(
    folder: Path,
    evaluation: Mapping[str, Any],
    sources: Sequence[Source],
    settings: CardSettings,
    sections: Sequence[str] = (),
) -> Path:
    """Write `folder/README.md` and return its path; the same inputs give the same text."""
    path = folder / "README.md"
    write_text(path, card(evaluation, sources, settings, sections))
    return path


def card(
    evaluation: Mapping[str, Any], sources: Sequence[Source], settings: CardSettings, sections: Sequence[str] = ()
) -> str:
    """The text of the card: a YAML header and Markdown.

    Parameters
    ----------
    evaluation : mapping
        As `evaluate.evaluate` gives it.
    sections : sequence of str
        Further sections, about what ships beside the model.
    """
    figures = [figure for figure in evaluation["figures"] if figure["n"]]
    unmeasured = [figure["title"] for figure in evaluation["figures"] if not figure["n"]]
    return (
        "\n\n".join(
            [
                _header(figures, settings),
                f"# {settings.name}",
                settings.summary,
                _use(),
                "## Figures",
                _reading(evaluation["settings"]),
                _figures(figures),
                *([f"Not measured, for want of examples: {'; '.join(unmeasured)}."] if unmeasured else []),
                "## Goals",
                _goals(figures),
                "## Recall of every class",
                "\n\n".join(_classes(figure) for figure in figures),
                "## Failures",
                _failures(figures, evaluation["failures"]),
                *sections,
                "## What it cannot do",
                "\n".join(f"* {limit}" for limit in (*LIMITS, *settings.limits)),
                "## Training data",
                _splits(evaluation["corpus"]),
                _sources(sources),
                "## Settings",
                _settings(evaluation, settings),
            ]
        )
        + "\n"
    )


def _header(figures: Sequence[Mapping[str, Any]], settings: CardSettings) -> str:
    """The YAML that model hubs read; JSON strings are YAML strings."""
    lines = [
        "---",
        "language: en",
        f"license: {json.dumps(settings.licence)}",
        "library_name: transformers",
        "pipeline_tag: audio-text-to-text",
        "base_model: openai/whisper-tiny.en",
        "tags: [audio, audio-captioning, interpretability, qwen2_audio]",
        "metrics: [balanced_accuracy]",
        "model-index:",
        f"- name: {json.dumps(settings.name)}",
        "  results:",
    ]
    for figure in figures:
        lines += [
            "  - task: {type: audio-text-to-text}",
            f"    dataset: {{name: {json.dumps(_splits_of(figure))}, type: ard-builtin}}",
            "    metrics:",
            f"    - {{type: balanced_accuracy, name: {json.dumps(figure['title'])}, value: {figure['balanced']:.4f}}}",
        ]
    if not figures:
        lines[-1] += " []"
    return "\n".join([*lines, "---"])


def _use() -> str:
    return f"""## Use

It is an ordinary `Qwen2AudioForConditionalGeneration`: no code of its own is needed.

```python
from transformers import AutoProcessor, Qwen2AudioForConditionalGeneration

model = Qwen2AudioForConditionalGeneration.from_pretrained(folder)
processor = AutoProcessor.from_pretrained(folder)
content = [{{"type": "audio", "audio_url": ""}}, {{"type": "text", "text": "{PAPER_PROMPT}"}}]
messages = [{{"role": "user", "content": content}}]
text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
inputs = processor(text=text, audio=[wave], sampling_rate=16000, return_tensors="pt")
ids = model.generate(**inputs, do_sample=False, max_new_tokens=64)
print(processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
```"""


def _splits_of(figure: Mapping[str, Any]) -> str:
    return " and ".join(split.replace("_", " ") for split in figure["splits"])


def _reading(asked: Mapping[str, Any]) -> str:
    return (
        "All are balanced accuracies (mean of the recalls of the classes) of the greedy, generated answers, read by "
        "fixed rules; an answer that states no class, or two, is wrong. In parentheses: 95 % interval, bootstrapped "
        "over groups (recordings, sessions or voices) within classes; a class from a single group adds nothing to it. "
        f"*n* counts answers, at most {asked['per_class']} of each class. *Unseen phrasing*: the same questions in "
        f"words that training never used, at most {asked['per_class_unseen']} of each class. *Majority*: "
        "always the most frequent class of the training split. *Probe*: a linear classifier on the mean-pooled audio "
        "tower, trained on the same split."
    )


def _figures(figures: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            figure["title"],
            _interval(figure),
            str(figure["n"]),
            str(figure["groups"]),
            _interval(figure["unseen_phrasing"]),
            _number(figure["majority"]),
            _interval(figure["probe"]),
        ]
        for figure in figures
    ]
    return table(
        ["figure", "balanced accuracy", "n", "groups", "unseen phrasing", "majority", "probe"], rows, numbers=(2, 3)
    )


def _goals(figures: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [figure["title"], f"{figure['goal']:.2f}", _interval(figure), "reached" if figure["reached"] else "missed"]
        for figure in figures
        if figure["goal"] is not None
    ]
    return table(["figure", "goal", "measured", ""], rows) if rows else "None were set for what was measured."


def _classes(figure: Mapping[str, Any]) -> str:
    speakers = figure["speakers"]
    names = ["class", "recall", "n", "groups", *(["speakers"] if speakers else [])]
    rows = [
        [
            one["name"], f"{one['recall']:.2f}", str(one["n"]), str(one["groups"]),
            *([str(speakers[one["name"]])] if speakers else []),
        ]
        for one in figure["classes"]
    ]  # fmt: skip
    return f"### {figure['title']}\n\n" + table(names, rows, numbers=range(1, len(names)))


def _failures(figures: Sequence[Mapping[str, Any]], failures: Sequence[Mapping[str, Any]]) -> str:
    if not failures:
        return "No answer was wrong."
    parts = [f"Wrong answers: {len(failures)}; all of them are in `{EVALUATION}` of the recipe's work folder."]
    for figure in figures:
        mine = [one for one in failures if figure["name"] in one["figures"] and not one["unseen_phrasing"]]
        if mine:
            parts.append(f"### {figure['title']}: {len(mine)} of {figure['n']}")
            parts.append(_confused(figure["confusions"]))
            parts.append(_told(mine))
    return "\n\n".join(parts)


def _confused(confusions: Sequence[Mapping[str, Any]]) -> str:
    shown = [
        f"{cell(one['expected'])} → {cell(one['read'] or '(no class)')}: {one['n']}"
        for one in confusions[:CONFUSIONS_SHOWN]
    ]
    more = len(confusions) - len(shown)
    return "; ".join(shown) + (f"; and {more} other kinds." if more else ".")


def _told(failures: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [", ".join(one["recordings"]) or one["example"], one["question"], one["expected"], one["answer"] or "(empty)"]
        for one in failures[:FAILURES_SHOWN]
    ]
    shown = table(["recording", "question", "true", "answer"], rows)
    more = len(failures) - len(rows)
    return shown + (f"\n\nand {more} more." if more else "")


def _splits(corpus: Mapping[str, Mapping[str, int]]) -> str:
    rows = [
        [split.replace("_", " "), *(str(corpus[split][name]) for name in ("recordings", "rendered", "examples"))]
        for split in SPLITS
        if split in corpus
    ]
    return table(["split", "recordings", "of them rendered", "examples"], rows, numbers=(1, 2, 3))


def _sources(sources: Sequence[Source]) -> str:
    rows = [
        [
            source.name, source.licence or "not stated", ", ".join(source.authors) or "not stated",
            *(str(source.clips.get(split, 0)) for split in SPLITS), f"{source.hours:.2f}",
        ]
        for source in sources
    ]  # fmt: skip
    splits = [split.replace("_", " ") for split in SPLITS]
    return table(["source", "licence", "authors", *splits, "hours"], rows, numbers=range(3, 8))


def _settings(evaluation: Mapping[str, Any], settings: CardSettings) -> str:
    asked = {f"evaluation {name.replace('_', ' ')}": value for name, value in evaluation["settings"].items()}
    made = {**settings.made, **asked, "weights sha256": evaluation["model"]["sha256"]}
    return table(["setting", "value"], [[name, str(value)] for name, value in made.items()])


def _interval(found: Mapping[str, Any] | None) -> str:
    """ "0.91 (0.88–0.94)"."""
    if found is None or found["balanced"] is None:
        return "–"
    return f"{found['balanced']:.2f} ({found['low']:.2f}–{found['high']:.2f})"


def _number(found: Mapping[str, Any] | None) -> str:
    return "–" if found is None or found["balanced"] is None else f"{found['balanced']:.2f}"


def table(names: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Iterable[int] = ()) -> str:
    """A Markdown table; the columns `numbers` are set to the right."""
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(names))]
    lines = [names, rule, *([cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """Text that can neither end its cell or line nor be taken for markup: answers are free text."""
    text = " ".join(text.split())
    for sign in ("\\", "|", "`", "*", "_", "<", "[", "]"):
        text = text.replace(sign, "\\" + sign)
    return text
