"""The user's own work as columns of the feature table, to sort and filter by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.store.notes.records import FeatureNote


def note_columns(notes: Mapping[int, FeatureNote], features: int) -> dict[str, npt.NDArray[Any]]:
    """Columns [D] `star` (bool), `own_name`, `tags` (with commas), `note` and `verdict`; "" where nothing is noted.

    Features beyond D, which only notes of another SAE could have, are left out.
    """
    star = np.zeros(features, dtype=np.bool_)
    # objects: one long note would make every cell of a fixed-width column as long
    texts = {name: np.full(features, "", dtype=object) for name in ("own_name", "tags", "note", "verdict")}
    for k, one in notes.items():
        if not 0 <= k < features:
            continue
        star[k] = one.star
        for name, text in (
            ("own_name", one.name), ("tags", one.tag_text), ("note", one.note), ("verdict", one.verdict),
        ):  # fmt: skip
            texts[name][k] = text
    return {"star": star, **texts}
