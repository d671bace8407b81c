"""Which model a setting means, and whether it is still the same one: found out without loading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from backend.describe.namers.consensus import VERSION as CONSENSUS
from backend.resources import resource
from backend.study.fingerprint import edge_hash, fingerprint
from backend.study.settings import Settings

PARTS = ("demo/embedder", "demo/model")
"""Of the built-in embedder: its own weights, and the audio tower and tokens that it shares with the model."""


def embedder_source(settings: Settings) -> dict[str, Any]:
    """What the vectors of clips depend on beside the clips (A-26)."""
    section = settings.embed
    found: dict[str, Any] = {"embedder": section.embedder, "window": section.window}
    if section.window == "random":
        found["window_seed"] = section.window_seed
    if section.embedder == "mini":
        return found | {"model": fingerprint([content(str(resource(part))) for part in PARTS])}
    return found | {"model": content(section.model)}


def captioner_source(settings: Settings, prompt: str) -> dict[str, Any]:
    """What a caption depends on beside the sound."""
    section = settings.captions
    found: dict[str, Any] = {"captioner": section.captioner, "part": section.part}
    if section.part == "active":
        found["active_above"] = section.active_above
    if section.captioner == "dataset":
        return found
    found |= {"prompt": prompt, "max_new_tokens": section.max_new_tokens}
    if section.captioner == "endpoint":
        return found | {"url": without_query(section.url), "model": section.model}
    return found | {"model": content(section.model or settings.model.path)}


def namer_source(settings: Settings, prompt: str, short_prompt: str) -> dict[str, Any]:
    """What a name depends on beside the captions."""
    section = settings.names
    found: dict[str, Any] = {"namer": section.namer}
    if section.namer == "consensus":
        return found | {"version": CONSENSUS}
    if section.namer == "none":
        return found
    found |= {"prompt": prompt, "short_prompt": short_prompt, "max_new_tokens": section.max_new_tokens}
    if section.namer == "endpoint":
        return found | {"url": without_query(section.url), "model": section.model}
    return found | {"model": content(section.model)}


def without_query(url: str) -> str:
    """The address without what stands behind "?", which may be a key."""
    return urlunsplit(urlsplit(url)._replace(query=""))


def content(model: str) -> str:
    """A local file's or folder's fingerprint, which changes with its contents; a hub id as it is."""
    path = Path(model).expanduser()
    if not model or not path.exists():
        return model
    if path.is_file():
        return edge_hash(path)[:16]
    files = sorted(one for one in path.rglob("*") if one.is_file() and one.suffix not in (".md", ".txt"))
    return fingerprint([[str(one.relative_to(path)), edge_hash(one)] for one in files])
