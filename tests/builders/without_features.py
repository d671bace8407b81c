"""A retrieval file of an SAE that has no feature at all."""

from __future__ import annotations

import json

import h5py
import numpy as np

from backend.study.folder import Study


def without_features(study: Study) -> Study:
    """Take every feature out of the study's first ranking, and its scores and names with them."""
    sae_id = study.feature_ids()[0]
    path = study.retrieval(sae_id)
    with h5py.File(path, "r+") as file:
        count = int(file.attrs["features"])
        names: list[str] = []
        file.visititems(lambda name, found: names.append(name) if isinstance(found, h5py.Dataset) else None)
        for name in names:
            found = file[name]
            if name in ("clips/feature", "clips/score"):
                found[...] = -1 if name == "clips/feature" else np.nan
            elif not name.startswith("clips/"):
                kept = 1 if len(found) == count + 1 else 0
                values, attributes = np.zeros((kept, *found.shape[1:]), found.dtype), dict(found.attrs)
                del file[name]
                file.create_dataset(name, data=values).attrs.update(attributes)
        file.attrs["features"] = 0
    current = study.features(sae_id) / "current.json"
    named = json.loads(current.read_text(encoding="utf-8"))
    left = {key: value for key, value in named.items() if key not in ("scores", "concepts")}
    current.write_text(json.dumps(left), encoding="utf-8")
    return study
