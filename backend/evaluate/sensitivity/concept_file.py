"""The file of concepts and their features (docs/sensitivity.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.study.atomic import read_json

COMMON = ("mode", "positions", "decode", "add_error", "values")
"""What may stand once for all concepts."""
Concepts = dict[str, dict[str, Any]]


def read_concepts(path: Path) -> Concepts:
    """Concepts by name, each with some of: label, column, source, kind, prompts, features, sets, values, words, and
    what else `COMMON` has.

    The file is an object of such concepts; or one with "concepts", a list whose entries have column, target, question
    and the sets "single" and "set", as the built-in model's has. Raises ArdError if it is neither.
    """
    found = _object(path)
    listed = found.get("concepts")
    try:
        common = {key: found[key] for key in COMMON if key in found and listed is not None}
        concepts = _named([_from_list(one) for one in listed]) if isinstance(listed, list) else dict(listed or found)
        if listed is not None and not isinstance(listed, (list, dict)):
            raise TypeError("neither a list nor an object")
        return {name: {**common, **one} for name, one in concepts.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArdError(
            "this is no file of concepts", path=path, todo='Write {"speech": {"features": [[1, 2.5]]}}.'
        ) from error


def check_made_for(path: Path, weights: str, layer: str) -> None:
    """ArdError if the file says that its features are those of an SAE of other weights or another layer."""
    found = _object(path)
    if str(found.get("sae", weights)) != weights and "concepts" in found:
        raise ArdError("these features are those of another SAE", path=path, todo="Name the SAE they belong to.")
    if str(found.get("layer", layer)) != layer and "concepts" in found:
        raise ArdError(
            f"these features are those of {found['layer']}, the SAE is on {layer}", path=path,
            todo="Name the SAE they belong to.",
        )  # fmt: skip


def _object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ArdError("there is no such file of concepts", path=path, todo="Correct --features.")
    found = read_json(path)
    if not isinstance(found, dict):
        raise ArdError("this is no file of concepts", path=path, todo='Write {"speech": {"features": [[1, 2.5]]}}.')
    return found


def _from_list(given: dict[str, Any]) -> dict[str, Any]:
    kept = {key: given[key] for key in ("column", "source", "kind", *COMMON) if key in given}
    sets = {
        name: [list(pair) for pair in zip(given[name]["features"], given[name]["values"], strict=True)]
        for name in ("single", "set")
        if given.get(name)
    }
    asked = {"prompts": [given["question"]]} if "question" in given else {}
    return {"label": given["target"], **kept, **asked, "sets": sets}


def _named(concepts: list[dict[str, Any]]) -> Concepts:
    """By target, and where two columns have the same, by column and target."""
    found: Concepts = {}
    for one in concepts:
        name = str(one["label"])
        found[f"{one['column']} {name}" if name in found else name] = one
    return found
