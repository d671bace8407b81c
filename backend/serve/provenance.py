"""What an SAE's manifest says of where it may steer: its layer, its model, the tokens it has seen (A-06, A-50)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.errors import ArdError
from backend.extract.recipe import recipes
from backend.serve.resident import Ranked
from backend.steer.intervention import Intervention
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings
from backend.targets.identity import identify


@dataclass(frozen=True)
class Provenance:
    """The tokens an SAE was trained on.

    Attributes
    ----------
    tokens : str
        Decoder layers: "audio", "prompt" or "all"; "" if unknown, and for raw units, which were not trained.
    frames : str
        Encoder layers: "valid" or "all"; "" likewise.
    """

    tokens: str = ""
    frames: str = ""

    def warnings(self, intervention: Intervention, layer: str) -> list[str]:
        """Where `intervention` acts on positions that the SAE has not seen."""
        if not layer.startswith("decoder"):
            found = []
            if intervention.positions == "prompt" and self.frames == "valid":
                found.append(
                    "the SAE was trained on the frames of the clips alone; the silence that fills the window is "
                    "steered too"
                )
            if intervention.decode != "off":
                found.append(f"decoding steps do not pass through {layer}: decode changes nothing there")
            return found
        if self.tokens == "prompt" and intervention.positions != "none":
            return ["the SAE was trained on the text of the prompt; audio positions are new to it"]
        if self.tokens != "audio":
            return []
        places = ["text positions of the prompt"] * (intervention.positions == "prompt")
        places += ["decoding steps"] * (intervention.decode != "off")
        return [f"the SAE was trained on audio tokens alone and has not seen {' and '.join(places)}"] if places else []


def provenance_of(study: Study, settings: Settings, ranked: Ranked) -> Provenance:
    """Of the SAE of a ranking; ArdError if it was made for another layer or model than the study now has."""
    manifest = {} if ranked.raw else read_manifest(study.sae(ranked.id) / "manifest.json")
    inputs: dict[str, Any] = manifest.get("inputs", {})
    layer = str(manifest.get("settings", {}).get("layer", ranked.layer))
    if layer != ranked.layer:
        raise ArdError(
            f"the SAE '{ranked.id}' was trained on {layer}, and its features were ranked on {ranked.layer}",
            path=study.sae(ranked.id), todo="Run: ard run",
        )  # fmt: skip
    made_on = str(inputs.get("model", "") or ranked.model)
    if made_on and made_on != identify(settings.model).fingerprint:
        raise ArdError(
            f"'{ranked.id}' belongs to another model than study.toml names now", path=settings.model.path,
            todo="Name the model again that it was trained on, or run: ard run",
        )  # fmt: skip
    if ranked.raw:
        return Provenance()
    read = _read_positions(study, settings, ranked.layer, str(inputs.get("activations", "")))
    return Provenance(str(read.get("tokens", "")), str(read.get("frames", "")))


def _read_positions(study: Study, settings: Settings, layer: str, fp: str) -> dict[str, Any]:
    """The `[model]` settings under which the activations `fp` were read; {} where nobody knows them any more."""
    path = study.activations(layer, fp or "none") / "manifest.json"
    if path.exists():
        found: dict[str, Any] = read_manifest(path)["settings"]["model"]
        return found
    now = next((one for one in recipes(study, settings) if one.layer == layer and one.fingerprint == fp), None)
    return {} if now is None else dict(now.settings["model"])
