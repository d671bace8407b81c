"""What a profile is, in a title and a sentence made from its own values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from backend.study.configuration import PROFILES, new_settings, profile_values

TITLES = {
    "default": ("Recommended", "What ARD recommends"),
    "ard-paper": ("AR&D paper", "The recipe of the AR&D paper, read literally"),
    "audiosae-paper": ("AudioSAE paper", "The recipe of the AudioSAE paper, read literally"),
    "tiny": ("Tiny", "Everything small, to try a study in under a minute"),
}
ARCHITECTURES = {"topk": "TopK", "batchtopk": "BatchTopK", "jumprelu": "JumpReLU"}


@dataclass(frozen=True)
class Profile:
    """One profile.

    Attributes
    ----------
    sentence : str
        Architecture, size, k, learning rate, steps and batch (A-10 … A-18, S-09 … S-12).
    values : dict
        Dotted setting to value: what it sets, everything else keeps its default.
    """

    name: str
    title: str
    sentence: str
    values: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@cache
def profiles() -> tuple[Profile, ...]:
    """All profiles, the recommended one first."""
    return tuple(
        Profile(name, TITLES[name][0], f"{TITLES[name][1]}: {recipe(name)}", flat(profile_values(name)))
        for name in PROFILES
    )


def flat(tables: dict[str, Any]) -> dict[str, Any]:
    """Nested tables as dotted settings; defaults of `[[audio]]` tables are called ``audio.…``."""
    return {
        f"{section.removesuffix('_defaults')}.{key}": value
        for section, values in tables.items()
        for key, value in values.items()
    }


def recipe(name: str) -> str:
    """The SAE and its training as one sentence."""
    settings = new_settings(name, {"path": "model"}, [{"path": "sound"}], "")
    sae, train = settings.sae, settings.train
    active = [f"K = {one}" if one != "auto" else "K = 0.008 of the features, at least 16" for one in sae.k]
    rate = "2e-4/√(features/16,384)" if train.lr == "auto" else f"{train.lr:.0e}".replace("e-0", "e-")
    batch = f"{train.batch_tokens:,} tokens"
    if train.steps == "auto":
        duration = f"for {train.epochs:g} passes over the stored tokens in batches of {batch}"
    else:
        duration = f"for {train.steps:,} steps of {batch}"
    auxiliary = "an auxiliary loss that revives dead features" if sae.auxk_alpha else "no auxiliary loss"
    decay = f"falling to 0 over the last {train.decay:.0%}" if train.decay else "constant"
    return (
        f"{_listed([ARCHITECTURES.get(one, one) for one in sae.architecture])}, "
        f"{_listed([str(one) for one in sae.expansion])} × as many features as the layer is wide, {_listed(active)}, "
        f"{BIASES[sae.bias_mode]}, {auxiliary}; Adam with learning rate {rate}, {decay}, {duration}"
        f"{_pieces(name, settings)}."
    )


BIASES = {
    "none": "no decoder bias",
    "post": "a decoder bias",
    "pre": "a decoder bias that is also taken off before encoding",
}


def _pieces(name: str, settings: Any) -> str:
    """What else a published recipe fixes."""
    given = flat(profile_values(name))
    layers = f"; layers {_listed(settings.model.layers)}" if "model.layers" in given else ""
    stream = "; clips drawn by weight while the model runs" if settings.extract.storage == "stream" else ""
    return layers + stream


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
