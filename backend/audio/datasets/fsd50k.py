"""FSD50K: Freesound clips with AudioSet classes (D-3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.audio.datasets import tables
from backend.audio.datasets.base import DATASETS, Adapter, expected
from backend.audio.datasets.walk import files_below
from backend.audio.formats import is_decoded
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.study.settings import AudioSection


@DATASETS.register("fsd50k")
class Fsd50k(Adapter):
    """`source` and so `subset`: dev, eval. `split`: train, val (of dev.csv), eval.

    Label `label` holds the classes joined by ",", smeared to the root of the ontology as in the
    ground truth. Mirrors keep the sound elsewhere: `clips/dev`, `dev_audio` and `dev` are found too.
    """

    tables = frozenset({".csv", ".json"})

    def records(self, root: Path, section: AudioSection) -> Iterator[ClipRecord | Unreadable]:
        truth = root / "FSD50K.ground_truth"
        parts = [part for part in ("dev", "eval") if not section.subset or part in section.subset]
        if not section.subset:
            parts = [part for part in parts if (truth / f"{part}.csv").exists()] or parts[:1]
        for part in parts:
            table = expected(truth / f"{part}.csv", "FSD50K")
            folder = _audio(root, part)
            sound = {Path(name).stem: f"{folder.relative_to(root).as_posix()}/{name}" for name in _sound(folder)}
            details = _details(root / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json")
            columns = ("fname", "labels", "mids") + (("split",) if part == "dev" else ())
            for _, row in tables.read_csv(table, delimiter=",", columns=columns):
                yield _record(part, row, sound, details.get(row["fname"], {}), table.name)


def _audio(root: Path, part: str) -> Path:
    places = [f"FSD50K.{part}_audio", f"clips/{part}", f"{part}_audio", part]
    for name in places:
        if (root / name).is_dir():
            return root / name
    return expected(root / places[0], "FSD50K")


def _sound(folder: Path) -> list[str]:
    return [name for name in files_below(folder) if is_decoded(name)]


def _details(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found = tables.read_json_file(path)
    if not isinstance(found, dict):
        raise ArdError("this file does not map clips to their details", path=path, todo="Download it again.")
    return found


def _record(
    part: str, row: tables.Row, sound: dict[str, str], detail: dict[str, Any], table: str
) -> ClipRecord | Unreadable:
    name = row["fname"]
    if name not in sound:
        return Unreadable(f"{part}/{name}.wav", f"{table} names it, but the file is not there")
    labels = {
        "label": row["labels"],
        "mids": row["mids"],
        **{key: tables.joined(detail.get(key)) for key in ("title", "tags", "description", "uploader")},
    }
    return ClipRecord(
        record=f"{part}/{name}",
        path=sound[name],
        labels={key: value for key, value in labels.items() if value},
        split=row["split"] if part == "dev" else "eval",
        licence=tables.joined(detail.get("license")),
        source=part,
    )
