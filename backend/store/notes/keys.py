"""Under what a feature's notes are kept: never under a name that can change (design §3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.errors import ArdError
from backend.study.atomic import read_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import read_manifest

RAW = "raw-"


def sae_key(study: Study, sae_id: str) -> str:
    """What the features of `sae_id` are called in the notes.

    Of an SAE the hash of the weights that its ranked features were made with: it is the same for a copy under another
    name, and another after training again. Where features are not ranked yet, of the weights in its folder.
    Raw units (`raw-<layer>`) have no weights. Unit k is the k-th number of that layer's residual stream, read in one
    of four ways (A-37a), so they are kept under the fingerprint of model, layer and reading.

    Raises ArdError if there is neither an SAE nor a ranking of that name, or its file is damaged.
    """
    folder = study.features(sae_id)
    if (folder / "current.json").exists():
        manifest = read_manifest(folder / str(read_json(folder / "current.json")["manifest"]))
        found = _of_ranking(sae_id, manifest)
        if found:
            return found
    config = study.sae(sae_id) / "config.json"
    if not config.exists():
        known = ", ".join(sorted({*study.sae_ids(), *study.feature_ids()})) or "none yet"
        raise ArdError(f"there is no SAE '{sae_id}' (there are: {known})", path=study.root)
    found = str(read_json(config).get("weights_hash") or "")
    if not found:
        raise ArdError("the SAE's configuration does not say which weights it has", path=config)
    return found


def sae_keys(study: Study) -> dict[str, str]:
    """Key of every SAE and ranking of the study by its id; those that cannot be read are left out."""
    found = {}
    for sae_id in sorted({*study.sae_ids(), *study.feature_ids()}):
        try:
            found[sae_id] = sae_key(study, sae_id)
        except ArdError:
            continue
    return found


def _of_ranking(sae_id: str, manifest: Mapping[str, Any]) -> str:
    inputs, settings = manifest["inputs"], manifest["settings"]
    if not sae_id.startswith(RAW):
        return str(inputs.get("weights") or "")
    reading = str(settings.get("raw_reading", ""))
    return RAW + fingerprint({"model": inputs["model"], "layer": settings["layer"], "reading": reading})
