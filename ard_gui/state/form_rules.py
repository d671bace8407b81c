"""What a form checks beyond the single values of a study's settings; nothing of Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from backend.study.settings import SaeSection, Settings, default_k

ENDPOINT = "endpoint"
REGISTRIES = {
    "embed.embedder": "embedders", "captions.captioner": "captioners", "names.namer": "namers",
    "sae.architecture": "architectures",
}  # fmt: skip
POSITIVE = ("sae.expansion", "sae.k", "train.steps", "train.lr", "sae.auxk_k")
Found = Mapping[str, Any]


def rule_problems(settings: Settings, inspection: Found, choices: Found) -> dict[str, str]:
    """What cannot be, though every value by itself can; a sentence per dotted name.

    Parameters
    ----------
    inspection : dict
        The answer of `ard inspect-model`; empty where the model was not looked at.
    choices : dict
        The answer of `ard choices`; empty before it came.
    """
    found = _positive(settings) | _known(settings, choices) | _endpoints(settings)
    stacks = stacks_of(inspection)
    if stacks:
        found |= _layers(settings.model.layers, stacks)
        widths = {width for _, width in stacks.values()}
        if not {"sae.k", "sae.expansion"} & set(found):
            found |= _grid(settings.sae, min(widths))
    return found


def cautions(device: str, inspection: Found, choices: Found) -> dict[str, str]:
    """What a run on this machine will fail at; a sentence per dotted name."""
    found: dict[str, str] = {}
    devices = [str(one["id"]) for one in choices.get("devices", ())]
    kind = device.partition(":")[0]
    if devices and device != "auto" and not any(device in (one, one.partition(":")[0]) for one in devices):
        there = ", ".join(devices)
        what = "no GPU" if kind in ("cuda", "mps") and devices == ["cpu"] else f"no device {device}"
        found["model.device"] = f"This machine has {what} that ARD can use (there is: {there}). Choose auto or {there}."
    told = [f"{one['what']}. {one['todo']}".replace("..", ".") for one in inspection.get("problems", ())]
    if told:
        found["model.path"] = " ".join(told)
    return found


def stacks_of(inspection: Found) -> dict[str, tuple[int, int]]:
    """Blocks and width of every stack of the model, the usual one first; empty where it is not known."""
    stacks = sorted(inspection.get("stacks") or (), key=lambda one: not one.get("usual"))
    return {str(one["name"]): (int(one["layers"]), int(one["d"])) for one in stacks}


def sae_count(settings: Settings) -> int:
    """SAEs that the grid asks for, on all layers (A-18)."""
    sae = settings.sae
    return len(settings.model.layers) * len(sae.architecture) * len(sae.expansion) * len(sae.k) * len(sae.seeds)


def _positive(settings: Settings) -> dict[str, str]:
    found = {}
    for dotted in POSITIVE:
        section, _, key = dotted.partition(".")
        value = getattr(getattr(settings, section), key)
        values: Sequence[Any] = value if isinstance(value, list) else [value]
        wrong = [one for one in values if not isinstance(one, str) and one <= 0]
        if wrong:
            found[dotted] = f"{wrong[0]:g} cannot be used here. Write a number above 0."
    return found


def _known(settings: Settings, choices: Found) -> dict[str, str]:
    found = {}
    for dotted, registry in REGISTRIES.items():
        section, _, key = dotted.partition(".")
        value = getattr(getattr(settings, section), key)
        known = [str(one) for one in choices.get(registry, ())]
        # scores alone are a choice too, which no registry lists
        unknown = [one for one in (value if isinstance(value, list) else [value]) if one not in (*known, "none")]
        if known and unknown:
            found[dotted] = f"There is no “{unknown[0]}”. There are: {', '.join(known)}."
    return found


def _endpoints(settings: Settings) -> dict[str, str]:
    found = {}
    captions, names = settings.captions, settings.names
    if captions.captioner == ENDPOINT and not captions.url:
        found["captions.url"] = "Write the server's address, e.g. http://localhost:8000/v1."
    if captions.captioner != "none" and names.namer == ENDPOINT and not names.url:
        found["names.url"] = "Write the server's address, e.g. http://localhost:8000/v1."
    if captions.captioner != "none" and names.namer == "causal-lm" and not names.model:
        found["names.model"] = "Name the language model: a folder, an id on a hub or a .gguf file."
    return found


def _layers(layers: Sequence[str], stacks: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    for layer in layers:
        stack, _, number = layer.rpartition(".")
        count = stacks.get(stack or next(iter(stacks)), (0, 0))[0]
        if not (number == "last" and count) and not (number.isdigit() and int(number) < count):
            known = " and ".join(f"{name}.0 … {name}.{count - 1}" for name, (count, _) in stacks.items())
            return {"model.layers": f"This model has no layer {layer}. It has {known}."}
    return {}


def _grid(sae: SaeSection, width: int) -> dict[str, str]:
    for expansion, k in product(sae.expansion, sae.k):
        if k != "auto" and k > expansion * width:
            return {"sae.k": f"k = {k} is more than the {expansion * width:,} features of expansion {expansion}."}
    for expansion in sae.expansion:
        counts = [default_k(expansion * width) if k == "auto" else k for k in sae.k]
        if len(set(counts)) < len(counts):
            return {"sae.k": f"The same k is asked for twice: auto is {default_k(expansion * width)} for expansion "
                    f"{expansion}."}  # fmt: skip
    for key in ("architecture", "expansion", "seeds"):
        values = getattr(sae, key)
        if len(set(values)) < len(values):
            return {f"sae.{key}": "The same value stands here twice."}
    return {}
