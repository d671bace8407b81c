"""The built-in embedder: a small CLAP-style dual encoder on the outputs of the built-in model's audio tower.

The audio side pools the tower's rows by attention and mean; the text side is a two-block transformer over the
built-in model's tokens. Both end in a unit vector, so that a dot product is a cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from backend.errors import ArdError
from backend.study.atomic import read_json, replacing, write_json

WEIGHTS, CONFIG = "embedder.safetensors", "embedder.json"


@dataclass(frozen=True)
class EmbedderConfig:
    """Sizes of both sides.

    Attributes
    ----------
    audio_width : int
        d of the tower's rows.
    vocabulary : int
        Tokens of the text side; token `pad` fills up.
    width : int
        Of the text side's blocks and the audio side's hidden layer.
    dimensions : int
        Of the embeddings.
    """

    audio_width: int
    vocabulary: int
    pad: int
    width: int = 192
    heads: int = 3
    blocks: int = 2
    dimensions: int = 128
    longest_text: int = 64


class AudioSide(nn.Module):
    """Rows [B, T, audio_width] with their mask to unit vectors [B, dimensions]."""

    def __init__(self, config: EmbedderConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.audio_width)
        self.inner = nn.Linear(config.audio_width, config.width)
        self.attention = nn.Linear(config.width, config.heads)
        self.out = nn.Sequential(
            nn.Linear(config.width * (config.heads + 1), config.width),
            nn.GELU(),
            nn.Linear(config.width, config.dimensions),
        )

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        hidden = torch.nn.functional.gelu(self.inner(self.norm(rows)))
        scores = self.attention(hidden).masked_fill(~mask[..., None], float("-inf"))
        pooled = torch.einsum("bth,btd->bhd", scores.softmax(1), hidden).flatten(1)
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return torch.nn.functional.normalize(self.out(torch.cat([pooled, mean], dim=1)), dim=1)


class TextSide(nn.Module):
    """Token ids [B, L], filled up with `pad`, to unit vectors [B, dimensions]."""

    def __init__(self, config: EmbedderConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocabulary, config.width)
        self.places = nn.Embedding(config.longest_text, config.width)
        block = nn.TransformerEncoderLayer(
            config.width, config.heads, 3 * config.width, dropout=0.1, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(block, config.blocks, enable_nested_tensor=False)
        self.out = nn.Linear(config.width, config.dimensions)

    def forward(self, ids: Tensor) -> Tensor:
        mask = ids != self.config.pad
        hidden = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        hidden = self.blocks(hidden, src_key_padding_mask=~mask)
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return torch.nn.functional.normalize(self.out(mean), dim=1)


class Embedder(nn.Module):
    """Both sides and the temperature they were trained with."""

    def __init__(self, config: EmbedderConfig) -> None:
        super().__init__()
        self.config = config
        self.audio, self.text = AudioSide(config), TextSide(config)
        self.log_scale = nn.Parameter(torch.tensor(2.65))

    def embed_rows(self, clips: Sequence[Tensor]) -> Tensor:
        """Tower rows [T, audio_width] of each clip to unit vectors [clips, dimensions]; ValueError for T = 0."""
        if any(len(one) == 0 for one in clips):
            raise ValueError("a clip without a token has no embedding")
        rows = nn.utils.rnn.pad_sequence([one.float() for one in clips], batch_first=True)
        length = torch.tensor([len(one) for one in clips])
        found: Tensor = self.audio(rows, torch.arange(rows.shape[1]) < length[:, None])
        return found

    def embed_ids(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Token ids of each text to unit vectors [texts, dimensions]; longer texts are cut."""
        cut = [torch.tensor([*text][: self.config.longest_text], dtype=torch.long) for text in texts]
        ids = nn.utils.rnn.pad_sequence(cut, batch_first=True, padding_value=self.config.pad)
        found: Tensor = self.text(ids)
        return found


def contrastive_loss(audio: Tensor, text: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """Symmetric cross-entropy in which every pair of `same` counts as right.

    Parameters
    ----------
    audio, text : tensor [B, dimensions]
        Unit vectors; row i of both belongs together.
    scale : tensor
        Inverse temperature.
    same : bool tensor [B, B]
        True where text j is true of clip i: clips of equal captions must not repel each other.
    """
    logits = scale * audio @ text.T
    target = same.float()
    by_audio = target / target.sum(1, keepdim=True)
    by_text = target / target.sum(0, keepdim=True)
    a = -(by_audio * logits.log_softmax(1)).sum(1).mean()
    t = -(by_text * logits.log_softmax(0)).sum(0).mean()
    return (a + t) / 2


def save_embedder(folder: Path, embedder: Embedder) -> None:
    """Write weights (float16) and configuration into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: t.detach().half().contiguous() for name, t in embedder.state_dict().items()}
    with replacing(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary)
    write_json(folder / CONFIG, asdict(embedder.config))


def load_embedder(folder: Path) -> Embedder:
    """The embedder in `folder`, float32; ArdError naming the file that is missing or damaged."""
    values: dict[str, Any] = read_json(folder / CONFIG)
    if not (folder / WEIGHTS).exists():
        raise ArdError("the embedder's weights are missing", path=folder / WEIGHTS, todo="Install ARD again.")
    embedder = Embedder(EmbedderConfig(**values))
    try:
        embedder.load_state_dict({name: t.float() for name, t in load_file(folder / WEIGHTS).items()})
    except (SafetensorError, RuntimeError) as error:
        raise ArdError(f"the embedder's weights are damaged: {error}", path=folder / WEIGHTS) from error
    return embedder.eval()
