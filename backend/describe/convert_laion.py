"""Turn a checkpoint of the laion_clap package into a folder that transformers' CLAP loads (`ard import-clap`).

HTSAT audio branch of any size, with or without feature fusion, and RoBERTa text branch. What training alone needs
(classifier heads, the transforms behind the embeddings, spectrogram buffers) is left away.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backend.errors import ArdError
from backend.study.atomic import new_folder
from backend.targets.load import be_quiet

State = Mapping[str, Tensor]

MEL = "audio_branch.logmel_extractor.melW"
EXTRACTOR = {"sampling_rate": 48_000, "hop_length": 480, "max_length_s": 10, "frequency_min": 50}
"""Of all HTSAT models that LAION published; the other settings are the class's own."""

MEL_TOLERANCE = 1e-4
ROBERTA_HEAD = 64
ROBERTA_EPSILON = 1e-5
"""The class's own 1e-12 is not RoBERTa's."""

LEFT_AWAY = re.compile(
    r"(audio|text)_transform\.|audio_branch\.(spectrogram_extractor|logmel_extractor|tscam_conv|head)\."
    r"|.*\.(attn_mask|relative_position_index|position_ids|token_type_ids)$"
)
RENAMED = (
    ("text_branch.", "text_model."),
    ("audio_branch.", "audio_model.audio_encoder."),
    ("_projection.0.", "_projection.linear1."),
    ("_projection.2.", "_projection.linear2."),
    (".bn0.", ".batch_norm."),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
    (".attn.proj.", ".attention.output.dense."),
    (".attn.relative_position_bias_table", ".attention.self.relative_position_bias_table"),
)
BUFFERS = re.compile(r".*\.(relative_position_index|position_ids|token_type_ids)$")


@dataclass(frozen=True)
class Imported:
    """What was written: the folder, and whether it embeds text too."""

    folder: Path
    text: bool


def import_laion(source: Path, target: Path, tokenizer: Path | None = None) -> Imported:
    """Write `target`, a folder for embed.embedder = "clap", from the LAION checkpoint `source`.

    Parameters
    ----------
    source : Path
        A `.pt` file; opened with `weights_only=True` (Rule 7).
    tokenizer : Path, optional
        Folder with RoBERTa's tokenizer (tokenizer.json, or vocab.json and merges.txt), which no checkpoint holds.
        Without it the folder embeds sound only.

    Raises
    ------
    ArdError
        If a file is missing or damaged, the checkpoint is of another architecture or filter bank, or `target` is not
        free. Nothing is left behind then.
    """
    from transformers import ClapFeatureExtractor, ClapModel, ClapProcessor

    be_quiet()
    state = read_checkpoint(source)
    try:
        config = clap_config(state)
        fusion = bool(config.audio_config.enable_fusion)
        extractor = ClapFeatureExtractor(
            feature_size=config.audio_config.num_mel_bins, truncation="fusion" if fusion else "rand_trunc", **EXTRACTOR
        )
        _check_filters(state, extractor, source)
        model = ClapModel(config)
        missing, unexpected = model.load_state_dict(dict(clap_state(state)), strict=False)
    except (KeyError, IndexError, RuntimeError, ValueError) as error:
        raise _other_architecture(source, str(error)) from error
    missing = [name for name in missing if not BUFFERS.fullmatch(name)]
    if missing or unexpected:
        raise _other_architecture(source, f"missing {missing[:3]}, unexpected {unexpected[:3]}")
    words = None if tokenizer is None else _tokenizer(tokenizer, config.text_config)
    with new_folder(target) as temporary:
        model.save_pretrained(temporary)
        if words is None:
            extractor.save_pretrained(temporary)
        else:
            ClapProcessor(feature_extractor=extractor, tokenizer=words).save_pretrained(temporary)
    return Imported(target, words is not None)


def read_checkpoint(source: Path) -> dict[str, Tensor]:
    """Tensors of a checkpoint without the "module." that data-parallel training puts before their names."""
    if not source.is_file():
        raise ArdError("there is no such checkpoint", path=source, todo="Name a .pt file of laion_clap.")
    try:
        # published checkpoints note their best score as a NumPy scalar
        with torch.serialization.safe_globals(_numpy_scalar()):
            found = torch.load(source, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(source) or None)
    except pickle.UnpicklingError as error:
        raise ArdError(
            f"the checkpoint is damaged or holds more than weights: {str(error).splitlines()[0]}",
            path=source,
            todo="ARD opens checkpoints for their weights only; get the file from LAION again.",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise ArdError(f"the checkpoint cannot be read: {error}", path=source, todo="Get the file again.") from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(one, Tensor) for one in found.values()):
        raise _other_architecture(source, "no state dict in it")
    return {str(name).removeprefix("module."): tensor for name, tensor in found.items()}


def _numpy_scalar() -> list[Any]:
    """What a pickled float64 or int64 of NumPy needs, under the names of NumPy 1 and 2; none of it runs code."""
    scalar = import_module("numpy._core.multiarray").scalar
    kinds = [type(np.dtype(one)) for one in (np.float64, np.float32, np.int64)]
    names = [(scalar, f"numpy.{one}.multiarray.scalar") for one in ("core", "_core")]
    return [np.dtype, *kinds, *names]


def clap_config(state: State) -> Any:
    """The `ClapConfig` that the shapes of the tensors imply; KeyError naming a tensor that is not there."""
    from transformers import ClapConfig

    words = state["text_branch.embeddings.word_embeddings.weight"]
    block = "audio_branch.layers.{}.blocks.{}.attn.relative_position_bias_table"
    stages = range(_count(state, r"audio_branch\.layers"))
    depths = [_count(state, rf"audio_branch\.layers\.{stage}\.blocks") for stage in stages]
    patches = state["audio_branch.patch_embed.proj.weight"]
    fusion = "audio_branch.patch_embed.mel_conv2d.weight" in state
    inner = state["audio_branch.layers.0.blocks.0.mlp.fc1.weight"]
    audio = {
        "num_mel_bins": state["audio_branch.bn0.weight"].shape[0],
        "patch_embeds_hidden_size": patches.shape[0],
        "patch_size": patches.shape[-1],
        "depths": depths,
        "num_attention_heads": [state[block.format(i, 0)].shape[1] for i in stages],
        "num_hidden_layers": len(depths),
        "window_size": (round(state[block.format(0, 0)].shape[0] ** 0.5) + 1) // 2,
        "hidden_size": state["audio_branch.norm.weight"].shape[0],
        "mlp_ratio": inner.shape[0] / inner.shape[1],
        "enable_fusion": fusion,
        "fusion_type": "aff_2d" if fusion else None,
    }
    if fusion:
        reduced = state["audio_branch.patch_embed.fusion_model.local_att.0.weight"].shape[0]
        audio["aff_block_r"] = patches.shape[0] // reduced
    text = {
        "vocab_size": words.shape[0],
        "hidden_size": words.shape[1],
        "num_hidden_layers": _count(state, r"text_branch\.encoder\.layer"),
        "num_attention_heads": words.shape[1] // ROBERTA_HEAD,
        "intermediate_size": state["text_branch.encoder.layer.0.intermediate.dense.weight"].shape[0],
        "max_position_embeddings": state["text_branch.embeddings.position_embeddings.weight"].shape[0],
        "type_vocab_size": state["text_branch.embeddings.token_type_embeddings.weight"].shape[0],
        "layer_norm_eps": ROBERTA_EPSILON,
    }
    projected = state["audio_projection.2.weight"].shape[0]
    return ClapConfig(text_config=text, audio_config=audio, projection_dim=projected)


def _count(state: State, prefix: str) -> int:
    """Number of modules `prefix`.0, `prefix`.1, … that hold a tensor."""
    return len({found.group(1) for name in state if (found := re.match(rf"{prefix}\.(\d+)\.", name))})


def clap_state(state: State) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that `ClapModel` has, under its name there; fused projections are split in rows."""
    for name, tensor in state.items():
        if LEFT_AWAY.match(name):
            continue
        new = name
        for theirs, ours in RENAMED:
            new = new.replace(theirs, ours)
        if ".attn.qkv." in new:
            for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                yield new.replace(".attn.qkv.", f".attention.self.{part}."), rows.float()
        else:
            yield new, tensor.float() if tensor.is_floating_point() else tensor


def _check_filters(state: State, extractor: Any, source: Path) -> None:
    """ArdError if the checkpoint's mel filters are not those its feature extractor will have."""
    if MEL not in state:
        return
    theirs, ours = state[MEL].double().numpy(), np.asarray(extractor.mel_filters_slaney)
    if theirs.shape != ours.shape or np.abs(theirs - ours).max() > MEL_TOLERANCE * np.abs(ours).max():
        raise ArdError(
            "the checkpoint was trained on another mel filter bank than LAION's 64 bands from 50 to 14,000 Hz",
            path=source,
            todo='Use it with embed.embedder = "laion-clap".',
        )


def _tokenizer(folder: Path, config: Any) -> Any:
    """RoBERTa's tokenizer of `folder`, checked against the text side."""
    from transformers import RobertaTokenizerFast

    if not folder.is_dir():
        raise ArdError("there is no such tokenizer folder", path=folder, todo="Give a folder of roberta-base.")
    try:
        found = RobertaTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare Exception for a damaged file
        raise ArdError(f"the tokenizer cannot be read: {error}", path=folder, todo="Get it again.") from error
    special = [found.bos_token_id, found.pad_token_id, found.eos_token_id]
    if len(found) > config.vocab_size or special != [0, 1, 2]:
        raise ArdError(
            f"this is not the checkpoint's tokenizer: it has {len(found)} tokens, the text side {config.vocab_size}",
            path=folder,
            todo="Give a folder with the tokenizer of roberta-base.",
        )
    return found


def _other_architecture(source: Path, detail: str) -> ArdError:
    return ArdError(
        f"this is not a checkpoint of laion_clap with HTSAT and RoBERTa ({detail})",
        path=source,
        todo='Other architectures of the package run with embed.embedder = "laion-clap".',
    )
