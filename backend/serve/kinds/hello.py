"""`hello`: what this server is, which study it serves, and what can be asked of it."""

from __future__ import annotations

from typing import Any

from backend.errors import ArdError
from backend.serve.base import REQUESTS, Fields, Request, Talk
from backend.serve.resident import Resident
from backend.store.retrieval import RetrievalFile
from backend.study.manifest import package_versions


@REQUESTS.register("hello")
class Hello(Request):
    """Answered without loading a model."""

    def run(self, resident: Resident, talk: Talk) -> Fields:
        settings = resident.settings
        return {
            "versions": package_versions(),
            "study": str(resident.study.root),
            "uuid": settings.study.uuid,
            "model": settings.model.path,
            "device": _device(settings.model.device),
            "loaded": resident.loaded,
            "saes": _rankings(resident),
            "why_not": {name: _why_not(name, resident) for name in REQUESTS},
        }


def _device(asked: str) -> str:
    """The device that `asked` means here, or `asked` itself where it is absent."""
    from backend.targets.load import choose_device

    try:
        return str(choose_device(asked))
    except ArdError:
        return asked


def _rankings(resident: Resident) -> list[dict[str, Any]]:
    """The study's rankings; one that cannot be read carries the reason."""
    try:
        stale = resident.stale()
    except ArdError:
        stale = {}
    found = []
    for name in resident.study.feature_ids():
        one: dict[str, Any] = {"id": name, "why_not": ""}
        try:
            ranked = resident.ranked(name)
            with RetrievalFile(ranked.path) as file:
                one |= {"layer": ranked.layer, "raw": ranked.raw, "features": file.features}
            one |= {"score": ranked.settings["score"], "stale": stale.get(name, True)}
        except ArdError as error:
            one["why_not"] = str(error)
        found.append(one)
    return found


def _why_not(name: str, resident: Resident) -> str:
    try:
        return REQUESTS.get(name).why_not(resident)
    except ArdError as error:
        return str(error)
    except Exception as error:
        # a kind from another package may fail as it is imported; the others can be asked all the same
        return f"unexpected error: {type(error).__name__}: {error}"
