"""What `ard steer` prints for people: answers side by side, a sweep, the code of one token."""

from __future__ import annotations

import textwrap
from difflib import SequenceMatcher
from typing import Any

import typer

from backend.cli.console import shown, table

WIDTH = 100


def marked(original: str, other: str) -> str:
    """`other` with the words in [brackets] that do not stand in `original` there."""
    before, after = original.split(), other.split()
    found: list[str] = []
    for kind, _, _, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if first < last:
            words = " ".join(after[first:last])
            found.append(words if kind == "equal" else f"[{words}]")
    return " ".join(found)


def print_answers(found: dict[str, Any]) -> None:
    """The conditions side by side, and what is known of each."""
    _print_head(found, ", ".join(f"{feature} = {value:.4g}" for feature, value in found["overrides"]))
    answers = found["answers"]
    original = answers.get("original", {"text": None})["text"]
    for name, answer in answers.items():
        text = answer["text"] if original is None else marked(original, answer["text"])
        body = textwrap.wrap(text, WIDTH, initial_indent=f"{name:<15}", subsequent_indent=" " * 15)
        print("\n" + "\n".join(body or [f"{name:<15}"]))
        for line in _figures(name, answer):
            print(" " * 15 + line)


def print_sweep(found: dict[str, Any]) -> None:
    """One row per value."""
    _print_head(found, ", ".join(map(str, found["features"])))
    words = list(found["values"][0]["words"]) if found["values"] else []
    rows = [(name, one) for name, one in found["conditions"].items()]
    rows += [(", ".join(f"{value:.4g}" for value in one["values"]), one) for one in found["values"]]
    table("", ("value", "KL first", "KL answer", "survived", *words, "answer"), (
        (name, one["answer"]["kl"]["first"], one["answer"]["kl"]["answer"], _survived(one["answer"]),
         *(one["words"].get(word) for word in words), _told(one["answer"]))
        for name, one in rows
    ))  # fmt: skip


def print_code(found: dict[str, Any]) -> None:
    """The features of one token before and after."""
    _print_warnings(found)
    first, last = found["seconds"]
    line = found["line"]
    kept = "" if line is None or line != line else f"; the smallest value that is kept there: {line:.4g}"
    table(
        f"{found['sae']}: audio position {found['position']} of {found['positions']}, "
        f"{first:.2f} to {last:.2f} s{kept}",
        ("feature", "before", "after", "overridden"),
        ((one["feature"], one["before"], one["after"], one["overridden"]) for one in found["bars"]),
    )  # fmt: skip


def _print_head(found: dict[str, Any], features: str) -> None:
    print(f"{found['sae']}, {found['mode']}: {features}")
    if found["prompt"]:
        print(f"prompt: {found['prompt']}")
    _print_warnings(found)


def _print_warnings(found: dict[str, Any]) -> None:
    for text in found["warnings"]:
        typer.echo(f"warning: {text}", err=True)


def _figures(name: str, answer: dict[str, Any]) -> list[str]:
    lines = []
    if answer["representation"] is not None:
        change = answer["representation"]
        lines += [
            f"{layer}: ‖h′−h‖/‖h‖ {far:.4g}, cosine {cosine:.4f}"
            for layer, far, cosine in zip(change["layers"], change["change"], change["cosine"], strict=True)
        ]
    elif name != "original":
        kl = answer["kl"]
        lines.append(f"KL from the original: first token {shown(kl['first'])}, answer {shown(kl['answer'])} nats")
    if answer["survived"]:
        lines.append(f"overrides survived at {_survived(answer)} of the positions")
    if name != "original":
        lines.append(f"mean ‖x′ − x‖ {answer['displacement']:.4g}")
    if answer["no_speech"] is not None:
        lines.append(f"no-speech probability {answer['no_speech']:.4f}")
    if answer["tokens"]:
        top = ", ".join(f"“{text}” {share:.1%}" for text, share in answer["tokens"][0]["top"])
        lines.append(f"first token: {top}")
    if not answer["ended"]:
        lines.append(f"cut after {len(answer['tokens'])} tokens")
    if not answer["coherent"]:
        lines.append(f"not coherent: {answer['why']}")
    return lines


def _survived(answer: dict[str, Any]) -> str:
    return ", ".join(f"{share:.1%}" for share in answer["survived"]) or "–"


def _told(answer: dict[str, Any]) -> str:
    if answer["representation"] is not None:
        return f"change of the last layer {answer['representation']['change'][-1]:.4g}"
    cut, why = "" if answer["ended"] else " …", "" if answer["coherent"] else f"  ({answer['why']})"
    return f"{answer['text']}{cut}{why}"
