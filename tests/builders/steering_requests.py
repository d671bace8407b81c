"""Requests about steering on a study, and what they gave out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.serve.base import REQUESTS, Fields, Talk
from backend.serve.resident import Resident
from backend.store.clips import ClipTable
from backend.store.retrieval import STATUS, RetrievalFile
from backend.study.folder import Study

TOKENS = 8


def sound_of(study: Study, clip: int = 0) -> str:
    row = ClipTable(study.clips())[clip]
    return str(Path(row.root) / row.path)


def strongest(study: Study) -> int:
    """The living feature with the largest value."""
    return int(_table(study)["max"].argmax())


def dead(study: Study) -> int:
    return int((_table(study)["status"] == STATUS.index("dead")).argmax())


def _table(study: Study) -> dict[str, Any]:
    with RetrievalFile(study.retrieval(study.sae_ids()[0])) as file:
        return file.table()


def fields_of(study: Study, *values: float, **changes: Any) -> dict[str, Any]:
    """Fields of a request that sets the strongest feature, and those that follow it, to `values`."""
    first = strongest(study)
    return {
        "path": sound_of(study), "sae": study.sae_ids()[0], "prompt": "What is it?", "max_new_tokens": TOKENS,
        "overrides": [[first + i, value] for i, value in enumerate(values)], **changes,
    }  # fmt: skip


def asked(resident: Resident, kind: str, fields: dict[str, Any]) -> tuple[Fields, list[Fields], list[str]]:
    """The answer of a request, its parts and what it said of its progress."""
    parts: list[Fields] = []
    said: list[str] = []

    def heard(type_: str, told: Fields) -> None:
        parts.append(told["result"]) if type_ == "part" else said.append(told["text"])

    return REQUESTS.get(kind).model_validate(fields).run(resident, Talk(heard)), parts, said
