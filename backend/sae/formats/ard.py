"""ARD's own SAE folder, `config.json` + `sae.safetensors`: how an SAE travels from one study to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.sae.files import CONFIG, WEIGHTS, load_sae, save_sae
from backend.sae.formats.base import FORMATS, SaeFormat
from backend.sae.formats.published import Published


class Ard(SaeFormat):
    name = "ard"

    def detect(self, path: Path) -> bool:
        return (path / CONFIG).is_file() and (path / WEIGHTS).is_file()

    def read(self, path: Path, **choices: Any) -> Published:
        return Published.of(load_sae(path))

    def write(self, sae: Published, folder: Path) -> None:
        save_sae(folder, sae.build())


FORMATS.register(Ard.name)(Ard())
