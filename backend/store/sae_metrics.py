"""What a study knows of one SAE, as figures that can stand beside those of another (S-13, A-30)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.store.concepts import NAMED
from backend.study.atomic import read_json
from backend.study.folder import Study
from backend.study.manifest import read_manifest

Value = str | float | int | None


@dataclass(frozen=True)
class Metric:
    """One line of the comparison of figures.

    Attributes
    ----------
    id, title : str
    about : str
        One sentence: what it is and on which data.
    values : tuple of str, number or None
        One per SAE; None where it is not known.
    """

    id: str
    title: str
    about: str
    values: tuple[Value, ...]

    @property
    def differs(self) -> bool:
        """Whether two SAEs are known to differ in it; what is not known of one is no difference."""
        return len({one for one in self.values if one is not None}) > 1


def metrics(study: Study, *sae_ids: str) -> list[Metric]:
    """The figures of one or more SAEs of the study side by side; ArdError if one is not there."""
    known = [_Known.of(study, name) for name in sae_ids]
    return [Metric(id_, title, about, tuple(value(one) for one in known)) for id_, title, about, value in LINES]


@dataclass(frozen=True)
class _Known:
    """The documents that the figures come from; empty where one is not there."""

    manifest: dict[str, Any]
    last: dict[str, Any]
    ranked: dict[str, Any]
    scores: dict[str, Any]
    concepts: dict[str, Any]

    @classmethod
    def of(cls, study: Study, sae_id: str) -> _Known:
        path = study.sae(sae_id) / "manifest.json"
        if not path.is_file():
            known = ", ".join(study.sae_ids()) or "none yet"
            raise ArdError(f"there is no finished SAE '{sae_id}' (there are: {known})", path=study.root)
        current = study.features(sae_id) / "current.json"
        named = read_json(current) if current.is_file() else {}
        ranked, scores, concepts = (
            _figures(study.features(sae_id) / Path(str(named.get(key, ""))).with_suffix(".json")) if named.get(key)
            else {} for key in ("retrieval", "scores", "concepts")
        )  # fmt: skip
        return cls(read_manifest(path), _last_line(study.sae(sae_id) / "metrics.jsonl"), ranked, scores, concepts)

    @property
    def sae(self) -> dict[str, Any]:
        found: dict[str, Any] = self.manifest["settings"].get("sae", {})
        return found

    @property
    def trained(self) -> dict[str, Any]:
        """Of the end of training; nothing for an SAE that was trained elsewhere."""
        figures: dict[str, Any] = self.manifest.get("figures", {}) if self.manifest["stage"] == "train" else {}
        return {**figures, **self.last} if self.manifest["stage"] == "train" else {}

    @property
    def checked(self) -> dict[str, Any]:
        """Of the self-check at import."""
        figures: dict[str, Any] = self.manifest.get("figures", {}) if self.manifest["stage"] == "import" else {}
        return figures

    @property
    def named(self) -> int | None:
        return sum(int(self.concepts.get(status, 0)) for status in NAMED) if self.concepts else None


def _figures(path: Path) -> dict[str, Any]:
    figures: dict[str, Any] = read_manifest(path)["figures"] if path.is_file() else {}
    return figures


def _last_line(path: Path) -> dict[str, Any]:
    """The last whole line of a log of metrics, read from its end."""
    if not path.is_file():
        return {}
    with open(path, "rb") as handle:
        handle.seek(max(0, path.stat().st_size - 65536))
        lines = handle.read().split(b"\n")[:-1]
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def _origin(one: _Known) -> str:
    if one.manifest["stage"] == "train":
        return "trained here"
    return f"imported ({one.manifest['settings'].get('format', 'unknown')})"


ON_CLIPS = "on the probing clips of this study, the same for every SAE"
Line = tuple[str, str, str, Callable[[_Known], Value]]
LINES: tuple[Line, ...] = (
    ("origin", "Origin", "Where the SAE comes from.", _origin),
    ("architecture", "Architecture", "How the active features are chosen.", lambda o: o.sae.get("architecture")),
    ("layer", "Layer", "The layer that it reads.", lambda o: o.manifest["settings"].get("layer")),
    ("features", "Features (D)", "Size of the dictionary.", lambda o: o.sae.get("n_features")),
    ("d", "Model width (d)", "Width of the layer.", lambda o: o.sae.get("d")),
    ("k", "k", "Active features per token that were asked for; none for JumpReLU.",
     lambda o: None if o.sae.get("architecture") == "jumprelu" else o.sae.get("k")),
    ("seed", "Seed", "Of the initialisation, where it was trained here.",
     lambda o: o.sae.get("seed") if o.trained else None),
    ("fvu", "FVU", f"Fraction of variance unexplained {ON_CLIPS}.", lambda o: o.ranked.get("fvu")),
    ("explained_variance", "Explained variance", f"1 − FVU, {ON_CLIPS}.", lambda o: o.ranked.get("explained_variance")),
    ("l0", "L0", f"Active features per token {ON_CLIPS}.", lambda o: o.ranked.get("l0_mean")),
    ("training_tokens", "Training tokens", "Tokens seen in training.", lambda o: o.trained.get("tokens")),
    ("training_loss", "Training loss", "At the last line of the training log.", lambda o: o.trained.get("loss")),
    ("training_fvu", "FVU in training", "At the last line of the training log, on training tokens.",
     lambda o: o.trained.get("fvu")),
    ("training_dead", "Dead share in training", "Features that were silent for the last tokens of training.",
     lambda o: o.trained.get("dead_share")),
    ("training_alive", "Alive in training", "Features that were not.", lambda o: o.trained.get("alive")),
    ("import_fvu", "FVU at import", "From the self-check, on a sample of the layer's tokens.",
     lambda o: o.checked.get("fvu")),
    ("dead", "Never active", f"Features without any activation {ON_CLIPS}.", lambda o: o.ranked.get("dead")),
    ("insufficient", "Too few clips", "Features active in fewer clips than a score needs.",
     lambda o: o.ranked.get("insufficient")),
    ("scored", "With a score", "Features that have a monosemanticity score.", lambda o: o.scores.get("valid")),
    ("median_m", "Median m", "Median monosemanticity score.", lambda o: o.scores.get("median")),
    ("max_m", "Largest m", "Largest monosemanticity score.", lambda o: o.scores.get("max")),
    ("described", "Described", "Features that a namer was asked about.", lambda o: o.concepts.get("described")),
    ("named", "Named", "Features that were given a name.", lambda o: o.named),
)  # fmt: skip
