"""A tiny Whisper with random weights, saved as a complete folder that `from_pretrained` loads.

Its mel front end is Whisper's own; everything above is drawn at random. A random convolution keeps most of
what the mel spectrogram says, so an SAE on top finds spectral patterns, not learned concepts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

WINDOW_SECONDS = 4
FRAMES_PER_SECOND = 50
WIDTH = 64
LAYERS = 2
SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
)  # fmt: skip


def write_model(folder: Path, seed: int) -> Path:
    """Build, save and return the model folder; the same seed gives the same weights."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperProcessor
    from transformers.utils import logging

    tokenizer = _tokenizer(folder)
    end, start = (tokenizer.convert_tokens_to_ids(token) for token in SPECIAL[:2])
    config = WhisperConfig(
        vocab_size=len(tokenizer), num_mel_bins=80, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=1,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=2 * WIDTH, decoder_ffn_dim=2 * WIDTH,
        max_source_positions=WINDOW_SECONDS * FRAMES_PER_SECOND, max_target_positions=16, init_std=0.1,
        bos_token_id=end, eos_token_id=end, pad_token_id=end, decoder_start_token_id=start,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        # in a trained model the sound outweighs the position; with fresh weights it is the other way round
        model.model.encoder.embed_positions.weight.mul_(0.05)
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=WINDOW_SECONDS)
    WhisperProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def _tokenizer(folder: Path) -> Any:
    """A byte-level tokenizer without merges, enough for a model that never speaks."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import WhisperTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytes_only = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    bytes_only.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    folder.mkdir(parents=True, exist_ok=True)
    bytes_only.save(str(folder / "tokenizer.json"))
    return WhisperTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
