"""The SAEs a study asks for, one per layer × architecture × expansion × k × seed (A-18); no torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.extract.recipe import Recipe, recipes
from backend.sae.config import SaeConfig, configs, sae_id
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.settings import Settings

NOT_RESULTS = ("log_every", "checkpoint_every", "tensorboard", "threads")
"""Training settings that change what is written on the way, not the SAE."""


@dataclass(frozen=True)
class SaeJob:
    """One SAE to train.

    Attributes
    ----------
    id : str
        E.g. "encoder.3-batchtopk-e8-k25-s0".
    recipe : Recipe
        Of the activations it is trained on.
    settings, inputs : dict
        For the manifest. They hold only what changes this SAE, so that adding another to the grid leaves it current.
    fingerprint : str
        Hash of both; "" while the study has no clip table.
    """

    id: str
    layer: str
    config: SaeConfig
    recipe: Recipe
    settings: dict[str, Any]
    inputs: dict[str, Any]
    fingerprint: str
    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"


def sae_jobs(study: Study, settings: Settings) -> list[SaeJob]:
    """All SAEs of the grid, in its order; ArdError if two of them would have the same id."""
    found = [
        _job(study, settings, recipe, config)
        for recipe in recipes(study, settings)
        for config in configs(settings.sae, recipe.d)
    ]
    names = [job.id for job in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ArdError(
            f"the grid asks twice for the same SAE: {', '.join(twice)}",
            path=study.toml,
            todo='Name each value of sae.architecture, expansion, k and seeds once ("auto" may equal a number).',
        )
    return found


def _job(study: Study, settings: Settings, recipe: Recipe, config: SaeConfig) -> SaeJob:
    train = {k: v for k, v in settings.train.model_dump(mode="json").items() if k not in NOT_RESULTS}
    if train["steps"] != "auto":
        train.pop("epochs")
    values = {"layer": recipe.layer, "sae": config.to_json(), "train": train, "seed": settings.study.seed}
    inputs = {"activations": recipe.fingerprint, **recipe.inputs}
    print_ = fingerprint({"settings": values, "inputs": inputs}) if recipe.fingerprint else ""
    name = sae_id(recipe.layer, config)
    return SaeJob(name, recipe.layer, config, recipe, values, inputs, print_, study.sae(name))
