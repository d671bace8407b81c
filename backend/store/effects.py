"""What features do when they are steered, and the sets that drive concepts: `effects-<fp>.json` (docs/store-format.md).

A set is what one slider moves: at 1 every feature of it has its stored value, at 0.5 half of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.study.atomic import read_json, write_json
from backend.study.folder import Study
from backend.study.manifest import read_manifest

KEY = "effects"
"""In `current.json`: {"category=music": file}."""


@dataclass(frozen=True)
class FeatureSet:
    """Features that together stand for a concept.

    Attributes
    ----------
    label, target : str
        The class they drive: "category" and "music".
    features : tuple of (int, float)
        With the value of each at slider = 1, in its own units.
    times : float
        That value in multiples of the feature's maximum.
    how : str
        "single", "difference", "effect" or "greedy".
    mode, positions, decode, prompt : str
        How it was measured.
    selection, held_out : dict
        Share of clips shifted to the target (value, count, n, low, high): on the clips it was chosen on, and on others.
    displacement : float
        Mean ‖x′ − x‖ over the steered positions of the other clips.
    """

    label: str
    target: str
    features: tuple[tuple[int, float], ...]
    times: float
    how: str
    mode: str
    positions: str
    decode: str
    prompt: str
    selection: dict[str, Any]
    held_out: dict[str, Any]
    displacement: float

    @property
    def name(self) -> str:
        return self.target

    @classmethod
    def of(cls, told: dict[str, Any], settings: dict[str, Any]) -> FeatureSet:
        """From an entry of `EffectsFile.sets`."""
        return cls(
            settings["label"], settings["target"], tuple((int(k), float(v)) for k, v in told["features"]),
            float(told["times"]), told["how"], settings["mode"], settings["positions"], settings["decode"],
            settings["prompt"], told["selection"], told["held_out"], float(told["displacement"]),
        )  # fmt: skip

    def as_concept(self) -> dict[str, Any]:
        """As `ard sensitivity --features` takes it."""
        return {
            "column": self.label, "label": self.target, "features": [[k, v] for k, v in self.features],
            "mode": self.mode, "positions": self.positions, "decode": self.decode, "prompts": [self.prompt],
        }  # fmt: skip


@dataclass(frozen=True)
class EffectsFile:
    """One finished search for a concept's features.

    Attributes
    ----------
    path : Path
    weights : str
        Hash of the SAE's weights.
    settings : dict
        label, target, prompt, mode, positions, decode, times, sizes, clips …
    ranking : list of dict
        Candidates by effect: feature, name, m, difference, auc, why, and `steered` by multiple of the maximum.
    tried : list of dict
        Every set measured: how, features with values, times, and shares on the selection clips.
    sets : dict of str to FeatureSet
        "set", the best of all, and "single", the best single feature; both with their share on held-out clips.
    controls : list of dict
        On the held-out clips: `reconstructed`, and random sets as large as the best one, scaled clip by clip to move x
        as far.
    figures : dict
    """

    path: Path
    weights: str
    settings: dict[str, Any]
    ranking: list[dict[str, Any]]
    tried: list[dict[str, Any]]
    sets: dict[str, FeatureSet]
    controls: list[dict[str, Any]]
    figures: dict[str, Any]


def read_effects(path: Path) -> EffectsFile:
    """One file; ArdError if it is missing or damaged."""
    manifest = read_manifest(path)
    try:
        settings, outputs = manifest["settings"], manifest["outputs"]
        sets = {name: FeatureSet.of(told, settings) for name, told in outputs["sets"].items()}
        return EffectsFile(
            path, manifest["inputs"]["weights"], settings, outputs["ranking"], outputs["tried"], sets,
            outputs["controls"], manifest["figures"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise ArdError(f"this list of effects is damaged: {error!r}", path=path, todo="Run: ard effects") from error


def current_effects(study: Study, sae_id: str) -> dict[str, Path]:
    """The valid files by "label=target"; those of an SAE that has other weights by now do not count."""
    folder, config = study.features(sae_id), study.sae(sae_id) / "config.json"
    if not (folder / "current.json").is_file() or not config.is_file():
        return {}
    named, weights = read_json(folder / "current.json").get(KEY, {}), read_json(config).get("weights_hash")
    paths = {name: study.inside(folder / str(file)) for name, file in sorted(named.items())}
    return {
        name: path
        for name, path in paths.items()
        if path.is_file() and read_manifest(path)["inputs"].get("weights") == weights
    }


def feature_sets(study: Study, sae_id: str) -> dict[str, FeatureSet]:
    """The best set of every concept that was searched for, by "label=target": what the desktop offers as one slider."""
    found = {name: read_effects(path).sets for name, path in current_effects(study, sae_id).items()}
    return {name: sets["set"] for name, sets in found.items() if "set" in sets}


def name(study: Study, sae_id: str, path: Path, concept: str) -> None:
    """Make `path` the valid file of `concept` ("label=target")."""
    current = study.features(sae_id) / "current.json"
    named = read_json(current)
    effects = {**named.get(KEY, {}), concept: path.name}
    if named.get(KEY) != effects:
        write_json(current, {**named, KEY: effects})


def export(sets: Iterable[FeatureSet]) -> dict[str, Any]:
    """Sets as `ard sensitivity --features` takes them: {"concepts": {target: …}}."""
    return {"concepts": {one.target: one.as_concept() for one in sets}}
