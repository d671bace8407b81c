"""`clap`: CLAP models in transformers' layout, from a folder or the model hub (A-26)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.describe.embedders.base import EMBEDDERS, Embedder, Vectors, Wave
from backend.errors import ArdError
from backend.study.atomic import read_json
from backend.study.fingerprint import edge_hash, fingerprint
from backend.study.settings import EmbedSection
from backend.targets.identity import HUB_ID
from backend.targets.load import be_quiet, choose_device

DEFAULT = "laion/clap-htsat-unfused"
EXTRACTOR = ("preprocessor_config.json", "processor_config.json")
WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json")
TOKENIZER = ("tokenizer.json", "vocab.json")


@dataclass(frozen=True)
class Source:
    """Where a CLAP model comes from.

    Attributes
    ----------
    name : str
        Folder or hub id, what `from_pretrained` takes.
    revision : str
        Commit on the hub; "" for a folder.
    identity : dict
        For a folder a hash of configuration and weights, for a hub id its commit.
    """

    name: str
    revision: str
    identity: dict[str, str]
    local_files_only: bool

    def load(self, thing: Any, **values: Any) -> Any:
        """`thing.from_pretrained` of exactly this model; ArdError if it cannot be had or read."""
        be_quiet()
        if self.revision:
            values["revision"] = self.revision
        try:
            return thing.from_pretrained(self.name, local_files_only=self.local_files_only, **values)
        except Exception as error:  # safetensors, pickle, tokenizers and torch each raise their own kinds
            if self.revision and isinstance(error, OSError):
                raise _unreachable(self.name, error) from error
            raise ArdError(
                f"the CLAP model cannot be read: {error}", path=self.name, todo="Get the model again."
            ) from error


@EMBEDDERS.register("clap")
class ClapEmbedder(Embedder):
    """Audio and text side of a `ClapModel` in float32; unit vectors, never scaled by the model's logit scale.

    The windows come from A-26, so the feature extractor's random crop is never reached. Models with feature fusion
    ("clap-htsat-fused") are taken as for sounds within their window: their extractor marks a random clip of each batch
    as longer than that, which is undone here.
    """

    def __init__(self, source: Source, device: torch.device) -> None:
        from transformers import ClapFeatureExtractor, ClapModel

        self.source = source
        self.extractor = source.load(ClapFeatureExtractor)
        self.model = source.load(ClapModel, dtype=torch.float32).requires_grad_(False).eval().to(device)
        self.fusion = bool(self.model.config.audio_config.enable_fusion)
        self.sample_rate = int(self.extractor.sampling_rate)
        self.window_seconds = float(self.extractor.max_length_s)
        self.dimensions = int(self.model.config.projection_dim)
        self._tokenizer: Any = None

    @classmethod
    def load(cls, section: EmbedSection, device: str, *, local_files_only: bool = False) -> Embedder:
        return cls(find_clap(section.model or DEFAULT, local_files_only), choose_device(device))

    @torch.no_grad()
    def embed_windows(self, windows: Sequence[Wave]) -> Vectors:
        if not windows:
            return np.empty((0, self.dimensions), dtype=np.float32)
        longest = round(self.window_seconds * self.sample_rate)
        if max(len(wave) for wave in windows) > longest:
            raise ValueError(f"a window is longer than {longest} samples")
        features = self.extractor(
            [np.asarray(wave) for wave in windows],
            sampling_rate=self.sample_rate,
            # the filter bank goes with it: each kind of model was trained with its own
            truncation="fusion" if self.fusion else "rand_trunc",
            return_tensors="pt",
        )["input_features"]
        return self._forward(features.to(torch.float32))

    def _forward(self, features: torch.Tensor) -> Vectors:
        """Vectors of mel features; a batch that does not fit into the device's memory is halved."""
        try:
            found: Vectors = (
                self.model.get_audio_features(
                    input_features=features.to(self.model.device),
                    is_longer=torch.zeros(len(features), 1, dtype=torch.bool),
                )
                .pooler_output.cpu()
                .numpy()
            )
            return found
        except torch.OutOfMemoryError as error:
            if len(features) == 1:
                raise ArdError(
                    f"one window does not fit into the memory of {self.model.device}",
                    todo='Use model.device = "cpu", or a smaller embedder.',
                ) from error
        half = len(features) // 2
        return np.concatenate([self._forward(features[:half]), self._forward(features[half:])])

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        tokenizer = self._text_side()
        # RoBERTa's positions start behind its padding token's
        config = self.model.config.text_config
        longest = min(tokenizer.model_max_length, config.max_position_embeddings - config.pad_token_id - 1)
        ids = tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        found: Vectors = (
            self.model.get_text_features(
                input_ids=ids["input_ids"].to(self.model.device),
                attention_mask=ids["attention_mask"].to(self.model.device),
            )
            .pooler_output.cpu()
            .numpy()
        )
        return found

    def _text_side(self) -> Any:
        """The tokenizer, loaded when the first text comes; ArdError if the folder has none."""
        from transformers import AutoTokenizer

        if self._tokenizer is None:
            if not self.source.revision and not any((Path(self.source.name) / name).is_file() for name in TOKENIZER):
                raise ArdError(
                    "this CLAP folder embeds sound only: it has no tokenizer",
                    path=self.source.name,
                    todo="Copy RoBERTa's tokenizer.json and tokenizer_config.json into it, "
                    "or import it again with: ard import-clap SRC DST --tokenizer FOLDER",
                )
            self._tokenizer = self.source.load(AutoTokenizer)
        return self._tokenizer

    def identity(self) -> dict[str, Any]:
        """Name, transformers' version (its feature extractor), and of a folder a hash, of a hub id the commit."""
        return {"name": "clap", **self.source.identity, "transformers": version("transformers")}


def find_clap(name: str, local_files_only: bool = False) -> Source:
    """The CLAP model in the folder or with the hub id `name`.

    Of a hub id only config.json is fetched here, and only if it is not in the cache and may be. Raises ArdError for a
    folder that is not there or incomplete, a model that is not CLAP's, and a hub that cannot be reached.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _local(folder.resolve())
    if name.startswith((".", "/", "~")) or "\\" in name or not HUB_ID.fullmatch(name):
        hint = " A LAION .pt file becomes a folder with: ard import-clap SRC.pt DST" if name.endswith(".pt") else ""
        raise ArdError("there is no such CLAP folder", path=name, todo=f"Correct embed.model in study.toml.{hint}")
    config = _hub_config(name, local_files_only)
    _check_type(config)
    commit = config.parent.name
    return Source(name, commit, {"hub": name, "revision": commit}, local_files_only)


def _local(folder: Path) -> Source:
    missing = [
        " or ".join(group[:2])
        for group in (("config.json",), WEIGHTS, EXTRACTOR)
        if not any((folder / name).is_file() for name in group)
    ]
    if missing:
        raise ArdError(
            f"the CLAP folder is incomplete; it lacks: {', '.join(missing)}",
            path=folder,
            todo="Copy the missing files into it, or get the model again.",
        )
    _check_type(folder / "config.json")
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".bin", ".txt"))
    mark = fingerprint({path.name: edge_hash(path) for path in files})
    return Source(str(folder), "", {"folder": mark}, True)


def _check_type(config: Path) -> None:
    found = read_json(config)
    model_type = found.get("model_type") if isinstance(found, dict) else None
    if model_type != "clap":
        raise ArdError(
            f"this is a model of type '{model_type}', not 'clap'",
            path=config.parent,
            todo=f"Use a CLAP model, e.g. {DEFAULT}.",
        )


def _hub_config(name: str, local_files_only: bool) -> Path:
    """config.json of a hub id in the local cache."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import RepositoryNotFoundError

    cached = try_to_load_from_cache(name, "config.json")
    if isinstance(cached, str):
        return Path(cached)
    if local_files_only:
        raise ArdError(
            f"the CLAP model '{name}' is neither a folder nor in the cache of the model hub",
            todo="Set model.local_files_only = false to download it, or set embed.model to its folder.",
        )
    try:
        return Path(hf_hub_download(name, "config.json"))
    except RepositoryNotFoundError as error:
        raise ArdError(f"the model hub has no '{name}'", todo="Correct embed.model in study.toml.") from error
    except (OSError, ValueError) as error:
        raise _unreachable(name, error) from error


def _unreachable(name: str, error: Exception) -> ArdError:
    return ArdError(
        f"the CLAP model '{name}' is not on this disk, and the model hub cannot be reached ({type(error).__name__})",
        todo="Connect to the network once, set embed.model to a folder with the model, "
        'or use the built-in embedder: embed.embedder = "mini".',
    )
