"""What a layer's activations depend on: the inputs and settings behind their fingerprint (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings
from backend.targets.identity import ModelIdentity, identify, resolve_layers


@dataclass(frozen=True)
class Recipe:
    """How one layer's activations come about.

    Attributes
    ----------
    layer : str
        Full name.
    d : int
        Model width.
    settings, inputs : dict
        For the manifest; the fingerprint is their hash.
    fingerprint : str
        "" while the study has no clip table.
    """

    layer: str
    d: int
    settings: dict[str, Any]
    inputs: dict[str, Any]
    fingerprint: str

    def folder(self, study: Study) -> Path:
        return study.activations(self.layer, self.fingerprint or "none")


def recipes(study: Study, settings: Settings) -> list[Recipe]:
    """One recipe per asked layer; ArdError if the model or a layer is not there.

    Precision, prefix, crop and the like change the numbers; `batch_clips` and `shard_tokens` change the order of the
    rows and, through padding, their last bits. Under streaming the mixture and augmentation take the place of those
    that concern files.
    """
    identity = identify(settings.model)
    clips = clip_list(study)
    inputs = {"clips": clips, "model": identity.fingerprint}
    return [_recipe(layer, identity, settings, inputs) for layer in resolve_layers(settings.model, identity)]


def clip_list(study: Study) -> str:
    """Hash of which audio the clips are, in which order and for what use; "" while there is no clip table."""
    return str(read_manifest(study.index_manifest)["outputs"]["clip_list"]) if study.index_manifest.exists() else ""


def _recipe(layer: str, identity: ModelIdentity, settings: Settings, inputs: dict[str, str]) -> Recipe:
    model, clips, extract = settings.model, settings.clips, settings.extract
    values: dict[str, Any] = {
        "layer": layer,
        "model": {"dtype": model.dtype, "prefix": model.prefix, "tokens": model.tokens, "frames": model.frames},
        "clips": {"crop": clips.crop, "short": clips.short},
        "storage": extract.storage,
        "batch_clips": extract.batch_clips,
    }
    if layer.startswith("decoder"):
        values["model"]["transcript_tokens"] = model.transcript_tokens
    if extract.storage == "cache":
        values |= {"dtype": extract.dtype, "shard_tokens": extract.shard_tokens}
    else:
        values |= _mixture(settings)
    print_ = fingerprint({"settings": values, "inputs": inputs}) if inputs["clips"] else ""
    return Recipe(layer, identity.widths[layer.rpartition(".")[0]], values, dict(inputs), print_)


def _mixture(settings: Settings) -> dict[str, Any]:
    """The settings that decide which tokens a stream hands to the trainer (S-06, S-07, S-12)."""
    extract = settings.extract
    names = (
        "sample_clips", "shuffle_batches", "noise_probability", "music_probability", "noise_path", "music_path",
        "snr_db",
    )  # fmt: skip
    values = extract.model_dump(mode="json")
    return {name: values[name] for name in names} | {"weights": [audio.weight for audio in settings.audio]}
