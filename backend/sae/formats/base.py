"""Layouts in which SAEs are published: one file each, one registration each (Rule 4)."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.registry import Registry
from backend.sae.formats.published import Published


class SaeFormat(ABC):
    """One layout on disk."""

    name: str

    @abstractmethod
    def detect(self, path: Path) -> bool:
        """Whether the file or folder at `path` looks like this layout; opens nothing but small JSON."""

    @abstractmethod
    def read(self, path: Path, **choices: Any) -> Published:
        """The SAE at `path`; ArdError if the file is damaged or holds a kind of SAE that ARD does not have.

        `choices` answers what a file may leave open: `architecture`, `k`.
        """

    @abstractmethod
    def write(self, sae: Published, folder: Path) -> None:
        """Write `sae` into `folder`; ArdError if the layout cannot say what this SAE is."""


FORMATS: Registry[SaeFormat] = Registry(
    "formats",
    {
        "ard": "backend.sae.formats.ard",
        "dictionary_learning": "backend.sae.formats.dictionary_learning",
        "saelens": "backend.sae.formats.saelens",
        "sparsify": "backend.sae.formats.sparsify",
    },
)


def detect_format(path: Path) -> SaeFormat:
    """The format whose layout is found at `path`; ArdError naming the known layouts if none is."""
    if not path.exists():
        raise ArdError("there is no SAE to import here", path=path, todo="Check the path.")
    found = [FORMATS.get(name) for name in FORMATS if FORMATS.get(name).detect(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ArdError(
            f"this folder holds SAEs of several formats: {', '.join(f.name for f in found)}",
            path=path,
            todo="Say which one to import.",
        )
    raise ArdError(
        "no published SAE was recognised here",
        path=path,
        todo="ARD reads dictionary_learning (ae.pt), SAELens (cfg.json + sae_weights.safetensors), sparsify "
        "(cfg.json + sae.safetensors) and its own folders (config.json + sae.safetensors); "
        "name the folder of one layer.",
    )


def read_config(path: Path) -> dict[str, Any]:
    """A foreign JSON object; ArdError if it is missing or not one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArdError(f"this SAE lacks its {path.name}", path=path, todo="Download the whole folder.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArdError(f"the configuration of this SAE is damaged: {error}", path=path) from error
    if not isinstance(found, dict):
        raise ArdError("the configuration of this SAE is not a JSON object", path=path)
    return found
