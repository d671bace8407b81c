"""Names of a causal language model: the conversation it is given, and what it says back, against transformers alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from backend.describe.namers.base import NAMERS
from backend.describe.namers.causal_lm import CausalLMNamer
from backend.errors import ArdError
from builders.describe_settings import describe_settings
from builders.tiny_language_model import tiny_causal_lm

CAPTIONS = ["a dog", "dogs bark"]
ASKED = "What?\n\n1. a dog\n2. dogs bark"


def load(model: Path | str, **names: object) -> CausalLMNamer:
    settings = describe_settings(
        model={"local_files_only": True}, names={"model": str(model), "max_new_tokens": 24, **names}
    )
    found = NAMERS.get("causal-lm").load(settings, "What?", "Short!")
    assert isinstance(found, CausalLMNamer)
    return found


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_causal_lm(tmp_path_factory.mktemp("models") / "chat")


def greedy(folder: Path, text: str, count: int) -> str:
    """The arg max at every position, one forward a token."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder).eval()
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    start = len(ids)
    with torch.no_grad():
        while len(ids) < start + count and (not ids[start:] or ids[-1] != tokenizer.eos_token_id):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return str(tokenizer.decode(ids[start:], skip_special_tokens=True)).strip()


def test_description_and_short_name_come_from_one_chat(chat_model: Path) -> None:
    said = load(chat_model).name(CAPTIONS)
    first = f"<|user|>{ASKED}<|end|><|assistant|>"
    description = greedy(chat_model, first, 24)
    assert description
    assert said.description == description
    assert said.short_name == greedy(chat_model, f"{first}{description}<|end|><|user|>Short!<|end|><|assistant|>", 24)


def test_a_model_without_a_chat_template_goes_on_writing(tmp_path: Path) -> None:
    folder = tiny_causal_lm(tmp_path / "plain", chat=False, seed=3)
    said = load(folder, max_new_tokens=60).name(CAPTIONS)
    assert said.description == greedy(folder, f"{ASKED}\n\n", 60)
    # the short name is never longer than 32 tokens
    assert said.short_name == greedy(folder, f"{ASKED}\n\n{said.description}\n\nShort!\n\n", 32)


def test_names_follow_the_captions(chat_model: Path) -> None:
    namer = load(chat_model)
    assert namer.name(CAPTIONS) == namer.name(CAPTIONS)
    assert namer.name(CAPTIONS) != namer.name(CAPTIONS[::-1])


def test_captions_longer_than_the_model_reads_are_told(tmp_path: Path) -> None:
    namer = load(tiny_causal_lm(tmp_path / "short", positions=128))
    assert namer.name(["a"]).description
    with pytest.raises(ArdError, match=r"too long for the language model: \d+ tokens and 24 for the answer, of 128"):
        namer.name(["a dog barks"] * 20)


def test_identity_changes_with_the_weights_and_not_with_the_place(chat_model: Path, tmp_path: Path) -> None:
    first = load(chat_model).identity()
    assert json.loads(json.dumps(first)) == first
    assert str(chat_model) not in json.dumps(first)
    copied = Path(shutil.copytree(chat_model, tmp_path / "chat"))
    assert load(copied).identity() == first
    assert load(copied, max_new_tokens=25).identity() != first
    tiny_causal_lm(copied, seed=7)
    assert load(copied).identity()["fingerprint"] != first["fingerprint"]
    assert (first["class"], first["dtype"], first["model"]) == ("LlamaForCausalLM", "float32", "chat")


def test_weights_that_are_a_pickle_are_not_opened(chat_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(chat_model, tmp_path / "pickled"))
    state = LlamaForCausalLM.from_pretrained(folder).state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(ArdError, match=r"cannot be loaded.*safetensors"):
        load(folder)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"names\.model is empty"):
        load("")
    with pytest.raises(ArdError, match="no such language model"):
        load(tmp_path / "none")
    with pytest.raises(ArdError, match=r"no config\.json"):
        load(tmp_path)
    with pytest.raises(ArdError, match="cannot be loaded"):
        load("nobody/has-this-model")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    with pytest.raises(ArdError, match="cannot be loaded"):
        load(tmp_path / "broken.gguf")
