"""A study with a second SAE that is its first one with the features in another order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from backend.sae.files import load_sae, save_sae
from backend.sae.formats.published import Published
from backend.stages.bring import Wanted, bring_sae
from backend.study.configuration import load_settings
from backend.study.folder import Study

TURNED = "turned"


def turned_order(features: int) -> np.ndarray:
    """Which feature of the first SAE stands at each place of the second one."""
    return np.random.default_rng(5).permutation(features)


def add_turned(study: Study, sae_id: str, folder: Path) -> str:
    """Import the turned SAE under the id `TURNED`, from files in `folder`; returns the id."""
    sae = Published.of(load_sae(study.sae(sae_id)))
    order = torch.from_numpy(turned_order(sae.config.n_features))
    turned = dataclasses.replace(sae, W_enc=sae.W_enc[order], b_enc=sae.b_enc[order], W_dec=sae.W_dec[order])
    save_sae(folder / TURNED, turned.build())
    layer = sae_id.partition("-")[0]
    bring_sae(study, load_settings(study.toml), Wanted(folder / TURNED, layer, TURNED))
    return TURNED
