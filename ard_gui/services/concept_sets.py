"""Sets of features that drive a concept: those that `ard effects` chose (backend/store/effects.py), and for the SAE
that ships with ARD those of resources/demo/concepts.json."""

from __future__ import annotations

from dataclasses import dataclass

from backend.errors import ArdError
from backend.resources import resource
from backend.store.effects import FeatureSet, current_effects, read_effects
from backend.study.atomic import read_json
from backend.study.folder import Study

SHIPPED = "demo/concepts.json"


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
    found = {**_shipped(study, sae), **found}
    return [found[name] for name in sorted(found)]


def _shipped(study: Study, sae: str) -> dict[str, ConceptSet]:
    """The sets that come with ARD, if this SAE has the shipped one's weights."""
    config = study.sae(sae) / "config.json"
    told = read_json(resource(SHIPPED))
    if not config.is_file() or read_json(config).get("weights_hash") != told["sae"]:
        return {}
    settings = {name: str(told[name]) for name in ("mode", "positions", "decode")}
    found = {}
    for one in told["concepts"]:
        chosen = one["set"]
        pairs = tuple(zip(map(int, chosen["features"]), map(float, chosen["values"]), strict=True))
        measured = chosen["selection"]
        words = f'comes with ARD; {told["mode"]}, positions {told["positions"]}; asked "{one["question"]}"; '
        words += f"shifted {measured['shifted']} of {measured['clips']} clips that it was chosen on"
        found[one["target"]] = ConceptSet(one["target"], pairs, settings, words)
    return found


def _settings(one: FeatureSet) -> dict[str, str]:
    return {"mode": one.mode, "positions": one.positions, "decode": one.decode}


def _told(one: FeatureSet) -> str:
    share = one.held_out
    known = "count" in share and "n" in share
    measured = f"; shifted {share['count']} of {share['n']} held-out clips" if known else ""
    return f"{one.mode}, positions {one.positions}{measured}"
