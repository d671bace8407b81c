"""A tiny random CLAP of transformers' own classes, saved as a complete folder."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizerFast

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""RoBERTa's, with its ids 0 … 4."""

DIMENSIONS = 12


def roberta_tokenizer(folder: Path) -> Path:
    """A byte-level RoBERTa tokenizer without merges: `SPECIAL`, then one token per byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate((*SPECIAL, *alphabet))}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    RobertaTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), model_max_length=30).save_pretrained(folder)
    return folder


def tiny_clap_model(*, fusion: bool = False, seed: int = 0, depths: tuple[int, ...] = (1, 2)) -> ClapModel:
    """The model alone: text blocks of 64 (one head, as RoBERTa's heads are of 64), HTSAT stages of `depths` blocks."""
    stages = len(depths)
    config = ClapConfig(
        text_config={
            "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1, "intermediate_size": 96,
            "vocab_size": 261, "max_position_embeddings": 34, "layer_norm_eps": 1e-5, "initializer_factor": 10.0,
        },
        audio_config={
            "patch_embeds_hidden_size": 8, "depths": depths, "num_attention_heads": [2**i for i in range(stages)],
            "hidden_size": 8 * 2 ** (stages - 1), "num_hidden_layers": stages, "enable_fusion": fusion,
            "fusion_type": "aff_2d" if fusion else None, "initializer_factor": 10.0,
        },
        projection_dim=DIMENSIONS,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = ClapModel(config).eval()
    # a fresh batch norm changes nothing, so that an error in it would not show
    norm = model.audio_model.audio_encoder.batch_norm
    torch.nn.init.uniform_(norm.running_var, 200.0, 400.0)
    torch.nn.init.uniform_(norm.running_mean, -40.0, -20.0)
    return model


def clap_extractor(*, fusion: bool = False) -> ClapFeatureExtractor:
    """With the settings of LAION's models on the hub."""
    return ClapFeatureExtractor(truncation="fusion" if fusion else "rand_trunc", frequency_min=50)


def tiny_clap(folder: Path, *, fusion: bool = False, seed: int = 0) -> Path:
    """Model, feature extractor and tokenizer in `folder`."""
    roberta_tokenizer(folder)
    tiny_clap_model(fusion=fusion, seed=seed).save_pretrained(folder)
    tokenizer = RobertaTokenizerFast.from_pretrained(folder)
    ClapProcessor(feature_extractor=clap_extractor(fusion=fusion), tokenizer=tokenizer).save_pretrained(folder)
    return folder
