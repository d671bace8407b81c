"""Bring an SAE from outside into a study: find its layer's activations, verify it on them, write its folder (P-13)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import ArdError
from backend.stages import pipeline
from backend.store.activations import ActivationStore
from backend.study.folder import Study
from backend.study.settings import Settings

if TYPE_CHECKING:
    from backend.sae.formats.verify import Verification

NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class Brought:
    """Id of the SAE in the study, and what was measured on the study's activations."""

    id: str
    verification: Verification


def bring_sae(
    study: Study,
    settings: Settings,
    source: Path,
    layer: str,
    name: str = "",
    *,
    format: str = "auto",
    architecture: str | None = None,
    k: int | None = None,
) -> Brought:
    """Import the SAE at `source` for `layer` under the id `name`, else that of layer and file name.

    Raises
    ------
    ArdError
        The study has no activations of the layer, the name cannot be used or is taken, or the SAE is not one that
        ARD can read or does not reconstruct the activations.
    """
    from backend.sae.formats.exchange import activation_sample, import_sae

    products = pipeline.stage("extract").products(study, settings)
    found = [one for one in products if one.name == layer and one.state == "finished"]
    if not found:
        known = ", ".join(one.name for one in products if one.state == "finished") or "none yet"
        raise ArdError(
            f"this study has no activations of layer '{layer}' (there are: {known})",
            path=study.root,
            todo="Name that layer in model.layers of study.toml and run: ard extract",
        )
    sae_id = name or f"{layer}-{source.resolve().stem}"
    if not NAME.fullmatch(sae_id):
        raise ArdError(f"'{sae_id}' cannot be the id of an SAE", todo="Give it a --name of letters, digits, . _ and -.")
    folder = study.inside(study.sae(sae_id))
    if folder.exists():
        raise ArdError(f"there is an SAE '{sae_id}' already", path=folder, todo="Give it another --name.")
    store = ActivationStore(found[0].manifest.parent)
    x, lengths = activation_sample(store)
    verification = import_sae(
        source, folder, x, layer=layer, clip_lengths=lengths, activations_fingerprint=store.fingerprint,
        format=format, architecture=architecture, k=k,
    )  # fmt: skip
    return Brought(sae_id, verification)
