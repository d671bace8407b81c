"""The map file: where each feature of one SAE lies in the plane (docs/map.md, docs/store-format.md).

Version 1. One array [D] per column.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store import hdf

KIND, VERSION = "map", 1
COLUMNS = {"x": "f4", "y": "f4", "directed": "?"}
FIGURES = ("kept", "by_chance")


class MapFile:
    """A finished map file, read whole.

    Attributes
    ----------
    x, y : float32 array [D]
        Only nearness has a meaning, neither the axes nor their unit.
    directed : bool array [D]
        False for a vector without a direction; it lies in a row below the map.
    settings : dict
        `directions` ("decoder" or "encoder"), `seed`, and how the map was laid out.
    weights : str
        Hash of the SAE's weights.
    kept, by_chance : float
        Share of a feature's nearest directions that are among its nearest places, and the same for random places;
        NaN where fewer than three features have a direction.

    Raises ArdError if the file is missing, damaged, of another kind or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
            try:
                columns: dict[str, npt.NDArray[Any]] = {name: handle[f"map/{name}"][...] for name in COLUMNS}
                self.settings: dict[str, Any] = json.loads(str(handle.attrs["settings"]))
                self.weights = str(handle.attrs["weights"])
                self.kept, self.by_chance = (float(handle.attrs[name]) for name in FIGURES)
            except (KeyError, OSError, ValueError) as error:
                raise ArdError(
                    f"the map file is damaged ({error})", path=path, todo="Remove it and run: ard map"
                ) from error
        self.x: npt.NDArray[np.float32] = columns["x"]
        self.y: npt.NDArray[np.float32] = columns["y"]
        self.directed: npt.NDArray[np.bool_] = columns["directed"]

    @property
    def features(self) -> int:
        return len(self.x)


def write(
    path: Path,
    places: npt.NDArray[np.float32],
    directed: npt.NDArray[np.bool_],
    *,
    settings: dict[str, Any],
    weights: str,
    kept: float,
    by_chance: float,
) -> None:
    """Write the file; `places` is [D, 2]."""
    columns = {"x": places[:, 0], "y": places[:, 1], "directed": directed}
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        handle.attrs.update(settings=json.dumps(settings), weights=weights, kept=kept, by_chance=by_chance)
        for name, dtype in COLUMNS.items():
            handle.create_dataset(f"map/{name}", data=columns[name].astype(dtype))
