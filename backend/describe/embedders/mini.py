"""`mini`: the built-in embedder, on the audio tower of the built-in model; needs nothing that does not ship (A-26)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from backend.builtin.embedder import CONFIG, WEIGHTS, load_embedder
from backend.builtin.embedder import Embedder as DualEncoder
from backend.builtin.encode import TowerEncoder
from backend.describe.embedders.base import EMBEDDERS, Embedder, Vectors, Wave
from backend.errors import ArdError
from backend.resources import resource
from backend.study.atomic import read_json
from backend.study.fingerprint import file_hash
from backend.study.settings import EmbedSection
from backend.targets.load import be_quiet, choose_device
from backend.targets.token_counts import audio_tokens

TOWER = "audio_tower."
MODEL_WEIGHTS = "model.safetensors"


@EMBEDDERS.register("mini")
class MiniEmbedder(Embedder):
    """Tower rows of the built-in model, pooled by its small dual encoder; unit vectors of 128 dimensions.

    Sounds of any length up to its window are taken as they are. One too short for a single token (under 321 samples)
    has no vector: its row is NaN.
    """

    repeats_short: ClassVar[bool] = False

    def __init__(self, folder: Path, model_folder: Path, device: torch.device) -> None:
        self.folder, self.model_folder = folder, model_folder
        self.network: DualEncoder = load_embedder(folder)
        tower, extractor, self.tokenizer = _load_tower(model_folder)
        width = int(tower.config.d_model)
        if width != self.network.config.audio_width:
            raise ArdError(
                f"the embedder reads rows of {self.network.config.audio_width} values, the audio tower gives {width}",
                path=folder,
                todo="Install ARD again.",
            )
        self.encoder = TowerEncoder(tower.to(device), extractor)
        self.hop = int(extractor.hop_length)
        self.sample_rate = int(extractor.sampling_rate)
        self.window_seconds = extractor.n_samples / extractor.sampling_rate
        self.dimensions = self.network.config.dimensions

    @classmethod
    def load(cls, section: EmbedSection, device: str, *, local_files_only: bool = False) -> Embedder:
        if section.model:
            raise ArdError(
                f"the built-in embedder takes no other model, but embed.model is '{section.model}'",
                todo='Set embed.model = "", or choose another embedder, e.g. embed.embedder = "clap".',
            )
        return cls(resource("demo/embedder"), resource("demo/model"), choose_device(device))

    @torch.no_grad()
    def embed_windows(self, windows: Sequence[Wave]) -> Vectors:
        vectors = np.full((len(windows), self.dimensions), np.nan, dtype=np.float32)
        long_enough = [i for i, wave in enumerate(windows) if audio_tokens(len(wave), self.hop) > 0]
        if long_enough:
            rows = self.encoder.encode([windows[i] for i in long_enough])
            vectors[long_enough] = self.network.embed_rows([torch.from_numpy(one) for one in rows]).numpy()
        return vectors

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        ids = [list(self.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
        found: Vectors = self.network.embed_ids(ids).numpy()
        found[[not one for one in ids]] = np.nan
        return found

    def identity(self) -> dict[str, Any]:
        """Name, and the hashes of both files of weights and of the configuration."""
        return {
            "name": "mini",
            "weights": file_hash(self.folder / WEIGHTS)[:16],
            "config": read_json(self.folder / CONFIG),
            "tower": file_hash(self.model_folder / MODEL_WEIGHTS)[:16],
        }


def _load_tower(folder: Path) -> tuple[Any, Any, Any]:
    """Audio tower (float32, frozen), feature extractor and tokenizer of a Qwen2-Audio folder; no other weights."""
    from safetensors import SafetensorError, safe_open
    from transformers import Qwen2AudioConfig, Qwen2AudioEncoder, Qwen2TokenizerFast, WhisperFeatureExtractor

    be_quiet()
    try:
        with safe_open(folder / MODEL_WEIGHTS, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(TOWER)]  # noqa: SIM118
            state = {name.removeprefix(TOWER): file.get_tensor(name).float() for name in names}
        with torch.device("meta"):
            tower = Qwen2AudioEncoder(Qwen2AudioConfig.from_pretrained(folder).audio_config)
        tower.load_state_dict(state, assign=True)
        extractor = WhisperFeatureExtractor.from_pretrained(folder)
        tokenizer = Qwen2TokenizerFast.from_pretrained(folder)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ArdError(f"the built-in model cannot be read: {error}", path=folder, todo="Install ARD again.") from error
    return tower.requires_grad_(False).eval(), extractor, tokenizer
