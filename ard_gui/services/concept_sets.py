"""Sets of features that drive a concept, as `ard effects` chose them (backend/store/effects.py)."""

from __future__ import annotations

from dataclasses import dataclass

from backend.errors import ArdError
from backend.store.effects import FeatureSet, current_effects, read_effects
from backend.study.folder import Study


@dataclass(frozen=True)
class ConceptSet:
    """What one slider drives.

    Attributes
    ----------
    name : str
        The class that the set stands for.
    pairs : tuple of (int, float)
        Features with their values at 1×.
    settings : dict
        mode, positions and decode under which its effect was measured.
    told : str
        How it was measured, and what came out of it.
    """

    name: str
    pairs: tuple[tuple[int, float], ...]
    settings: dict[str, str]
    told: str


def concept_sets(study: Study, sae: str, features: int) -> list[ConceptSet]:
    """The best set of every concept that was searched for in an SAE with D = `features`; on the reader's thread.

    What is damaged, or names features that the SAE does not have, is left out. Raises ArdError if `current.json` is
    damaged.
    """
    found: dict[str, ConceptSet] = {}
    for concept, path in current_effects(study, sae).items():
        try:
            sets = read_effects(path).sets
        except ArdError:
            continue
        one = sets.get("set")
        if one is not None and one.features and all(0 <= k < features and v for k, v in one.features):
            name = one.target if one.target not in found else concept
            found[name] = ConceptSet(name, one.features, _settings(one), _told(one))
    return [found[name] for name in sorted(found)]


def _settings(one: FeatureSet) -> dict[str, str]:
    return {"mode": one.mode, "positions": one.positions, "decode": one.decode}


def _told(one: FeatureSet) -> str:
    share = one.held_out
    known = "count" in share and "n" in share
    measured = f"; shifted {share['count']} of {share['n']} held-out clips" if known else ""
    return f"{one.mode}, positions {one.positions}{measured}"
