"""Sets of features that stand for a concept, as a study keeps them: `features/<sae>/effects*.json`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.study.folder import Study

MOST_BYTES = 2**22


@dataclass(frozen=True)
class ConceptSet:
    """A concept and the features that drive it, with the values they are set to."""

    name: str
    pairs: tuple[tuple[int, float], ...]


def concept_sets(study: Study, sae: str, features: int) -> list[ConceptSet]:
    """Every readable set of an SAE with D = `features`, by name; on the reader's thread.

    A file holds {"sets": [{"name": …, "features": [[feature, value], …]}, …]}. What is damaged, or names features that
    the SAE does not have, is left out.
    """
    found: dict[str, ConceptSet] = {}
    for path in sorted(study.features(sae).glob("effects*.json")):
        for one in _read(path):
            known = _set(one, features)
            if known is not None:
                found[known.name] = known
    return [found[name] for name in sorted(found)]


def _read(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            return []
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    sets = value.get("sets") if isinstance(value, dict) else None
    return sets if isinstance(sets, list) else []


def _set(found: Any, features: int) -> ConceptSet | None:
    try:
        name = str(found["name"]).strip()
        pairs = tuple((int(feature), float(value)) for feature, value in found["features"])
    except (KeyError, TypeError, ValueError):
        return None
    right = all(0 <= feature < features and math.isfinite(value) and value for feature, value in pairs)
    return ConceptSet(name, pairs) if name and pairs and right else None
