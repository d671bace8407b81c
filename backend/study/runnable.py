"""Which commands may wait in a study's queue, with which words: those that compute and write inside the study only.

A queue travels with its study, so its files may come from anywhere: what is not listed here is never run.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.errors import ArdError

RUNNABLE = (
    "run", "index", "extract", "train", "retrieve", "describe", "sweep", "import-sae", "map", "steerability", "effects",
    "compare",
)  # fmt: skip
"""Commands that may be queued."""
STAGES = ("index", "extract", "train", "retrieve", "describe")
"""What `run` does, in its order."""

VALUED: dict[str, tuple[str, ...]] = {
    "sweep": ("--expansion", "--k"),
    "import-sae": ("--layer", "--name", "--format", "--architecture", "--k"),
    "map": ("--sae", "--directions", "--seed"),
    "compare": ("--limit",),
    "steerability": (
        "--label", "--class", "--layer", "--prompt", "--strength", "--clips", "--fit", "--tokens", "--seed", "--least",
    ),
    "effects": (
        "--sae", "--label", "--target", "--prompt", "--candidates", "--times", "--set-times", "--clips", "--greedy",
        "--mode", "--positions", "--decode", "--tokens", "--seed",
    ),
}  # fmt: skip
"""Options that are followed by a value. One that names a file to write (`effects --out`) is in none of these lists."""
SWITCHES = ("--json", "--events")
"""Options of any command without a value."""
PLAIN = {"import-sae": 1, "compare": 2}
"""How many words that are no options a command takes behind the study."""


def check_words(command: str, arguments: Sequence[str]) -> None:
    """ArdError unless `ard COMMAND STUDY ARGUMENTS…` may wait in a queue."""
    if command not in RUNNABLE:
        raise ArdError(f"'{command}' cannot be queued", todo=f"These can: {', '.join(RUNNABLE)}.")
    valued, plain = VALUED.get(command, ()), 0
    words = iter(arguments)
    for word in words:
        name, equals, _ = word.partition("=")
        if word in SWITCHES or (equals and name in valued):
            continue
        if word in valued:
            if next(words, None) is None:
                raise ArdError(f"{word} of ard {command} needs a value")
        elif word.startswith("-"):
            raise ArdError(f"ard {command} cannot be queued with {name}", todo=_known(command, valued))
        else:
            plain += 1
    if plain > PLAIN.get(command, 0):
        raise ArdError(f"ard {command} cannot be queued with so many words: {' '.join(arguments)}")


def _known(command: str, valued: Sequence[str]) -> str:
    return f"With these it can: {', '.join((*valued, *SWITCHES))}. Else run it by itself: ard {command}"
