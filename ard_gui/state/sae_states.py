"""Which SAEs a study has and will have, from what `ard status --json` says; nothing of Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WORDS = {
    "finished": "trained", "stale": "will be trained again", "in progress": "training was begun", "missing": "new",
}  # fmt: skip


@dataclass(frozen=True)
class SaeStates:
    """SAEs of the grid in its order, each with its state in words, and what is made again.

    Attributes
    ----------
    saes : dict
        Id to words.
    again : str
        A sentence about results that are stale, now or by the change; "" for none.
    problem : str
        Why they could not be listed.
    """

    saes: dict[str, str]
    again: str
    problem: str

    @property
    def new(self) -> int:
        """How many are neither trained nor begun."""
        return sum(state == WORDS["missing"] for state in self.saes.values())


def sae_states(answer: Mapping[str, Any]) -> SaeStates:
    """The answer of `ard status --settings DRAFT --json` in words."""
    products = answer.get("products", ())
    saes = {str(one["name"]): WORDS[str(one["state"])] for one in products if one["stage"] == "train"}
    stale = [f"{one['name']} ({one['stage']})" for one in products if one["state"] == "stale"]
    again = f"Made from other settings or inputs, and made again by the run: {', '.join(stale)}." if stale else ""
    return SaeStates(saes, again, "" if saes else " ".join(answer.get("problems", ())))
