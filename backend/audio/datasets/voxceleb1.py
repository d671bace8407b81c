"""VoxCeleb1: speakers with gender and nationality (D-4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backend.audio.datasets import tables
from backend.audio.datasets.base import DATASETS, Adapter, expected
from backend.audio.datasets.walk import files_below
from backend.audio.records import ClipRecord, Unreadable
from backend.study.settings import AudioSection

ID, NAME, GENDER, NATION, SET = "VoxCeleb1 ID", "VGGFace1 ID", "Gender", "Nationality", "Set"
GENDERS = {"m": "male", "f": "female"}


@DATASETS.register("voxceleb1")
class VoxCeleb1(Adapter):
    """Files `…/id10001/<video>/00001.wav` below the folder; `split` is the table's Set (dev, test)."""

    tables = frozenset({".csv"})

    def records(self, root: Path, section: AudioSection) -> Iterator[ClipRecord | Unreadable]:
        table = expected(root / "vox1_meta.csv", "VoxCeleb1")
        columns = (ID, NAME, GENDER, NATION, SET)
        speakers = {row[ID]: row for _, row in tables.read_csv(table, delimiter="\t", columns=columns)}
        names = [name for name in files_below(root) if len(PurePosixPath(name).parts) >= 3]
        if not names:
            expected(root / "wav", "VoxCeleb1")
        for name in names:
            speaker, video, file = PurePosixPath(name).parts[-3:]
            row = speakers.get(speaker)
            if row is None:
                yield Unreadable(name, f"its speaker {speaker} is not in vox1_meta.csv")
                continue
            yield ClipRecord(
                record=f"{speaker}/{video}/{PurePosixPath(file).stem}",
                path=name,
                labels={
                    "gender": GENDERS.get(row[GENDER]) or row[GENDER],
                    "nationality": row[NATION],
                    "name": row[NAME],
                    "video": video,
                },
                split=row[SET],
                speaker=speaker,
                licence="VoxCeleb: audio not redistributable",
                source=row[SET],
            )
