"""Names from a language model on this machine: any causal LM of transformers (A-34: Llama-3-70B-Instruct)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from backend.describe.namers.base import NAMERS, Namer, Naming
from backend.describe.prompts import aggregation_prompt
from backend.errors import ArdError
from backend.study.fingerprint import edge_hash, fingerprint
from backend.study.settings import Settings
from backend.targets.load import be_quiet, choose_device

SHORT_TOKENS = 32
"""Most tokens of the short name."""
COUNTED = frozenset({".json", ".jinja", ".model", ".txt", ".safetensors"})
"""Files of a model folder that its answers depend on."""


@NAMERS.register("causal-lm")
class CausalLMNamer(Namer):
    """Greedy answers; the short name is asked for in the same conversation as the description.

    With a chat template the conversation goes through it; a model without one is given the plain prompt, a blank
    line, and goes on writing.
    """

    def __init__(self, model: Any, tokenizer: Any, settings: Settings, prompt: str, short_prompt: str) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.source = settings.names.model
        self.max_new_tokens = settings.names.max_new_tokens
        self.prompt = prompt
        self.short_prompt = short_prompt

    @classmethod
    def load(cls, settings: Settings, prompt: str, short_prompt: str) -> Namer:
        """Load `names.model`: a folder, a GGUF file or a hub id, in its own precision.

        On CUDA with `model.device = "auto"` it is spread over all devices; otherwise it goes to the study's device.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        where, extra = _where(settings)
        be_quiet()
        device = choose_device(settings.model.device)
        spread = {"device_map": "auto"} if settings.model.device == "auto" and device.type == "cuda" else {}
        try:
            tokenizer = AutoTokenizer.from_pretrained(where, **extra)
            safe = {} if "gguf_file" in extra else {"use_safetensors": True}
            model = AutoModelForCausalLM.from_pretrained(where, dtype="auto", **safe, **spread, **extra)
            if not spread:
                model.to(device)
        except torch.OutOfMemoryError as error:
            raise ArdError(
                f"the language model does not fit into the memory of {device}",
                path=where,
                todo="Use a smaller one, another model.device, or an endpoint.",
            ) from error
        except Exception as error:  # transformers, safetensors and gguf each raise their own kinds
            raise ArdError(
                f"the language model cannot be loaded: {_first_line(error)}",
                path=settings.names.model,
                todo=_todo(error, extra),
            ) from error
        return cls(model.requires_grad_(False).eval(), tokenizer, settings, prompt, short_prompt)

    def name(self, captions: Sequence[str]) -> Naming:
        """Raises ArdError if the captions are longer than the model can read."""
        talk = [{"role": "user", "content": aggregation_prompt(self.prompt, captions)}]
        description = self._answer(talk, self.max_new_tokens)
        if not description:
            return Naming("", "")
        talk += [{"role": "assistant", "content": description}, {"role": "user", "content": self.short_prompt}]
        return Naming(description, self._answer(talk, min(SHORT_TOKENS, self.max_new_tokens)))

    def say(self, text: str) -> str:
        """Raises ArdError if the text is longer than the model can read."""
        return self._answer([{"role": "user", "content": text}], self.max_new_tokens)

    @torch.no_grad()
    def _answer(self, talk: Sequence[dict[str, str]], max_new_tokens: int) -> str:
        ids = self._ids(talk).to(self.model.device)
        longest = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if longest is not None and ids.shape[1] + max_new_tokens > longest:
            raise ArdError(
                f"the text is too long for the language model: {ids.shape[1]} tokens and {max_new_tokens} for the "
                f"answer, of {longest}",
                path=self.source,
                todo="Set captions.max_new_tokens lower, or use a model that reads more.",
            )
        pad = self.tokenizer.pad_token_id
        out = self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            # settings of sampling that a checkpoint brings have no meaning here
            temperature=None, top_p=None, top_k=None,
            pad_token_id=self.tokenizer.eos_token_id if pad is None else pad,
        )  # fmt: skip
        return str(self.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)).strip()

    def _ids(self, talk: Sequence[dict[str, str]]) -> torch.Tensor:
        """Token ids [1, n] of the conversation, ready for the answer."""
        if self.tokenizer.chat_template:
            # templates that know no thinking ignore that it is switched off
            text = self.tokenizer.apply_chat_template(
                talk, add_generation_prompt=True, tokenize=False, enable_thinking=False
            )
            # the template writes the special tokens itself
            found = self.tokenizer(text, add_special_tokens=False, return_tensors="pt")
        else:
            text = "".join(f"{turn['content']}\n\n" for turn in talk)
            found = self.tokenizer(text, return_tensors="pt")
        ids: torch.Tensor = found["input_ids"]
        return ids

    def identity(self) -> dict[str, Any]:
        path = Path(self.source).expanduser()
        local = path.exists()
        return {
            "namer": "causal-lm",
            "model": path.resolve().name if local else self.source,
            "class": type(self.model).__name__,
            "fingerprint": _files_hash(path) if local else "",
            "revision": "" if local else str(getattr(self.model.config, "_commit_hash", None) or ""),
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "max_new_tokens": self.max_new_tokens,
            "transformers": transformers.__version__,
        }


def _where(settings: Settings) -> tuple[str, dict[str, Any]]:
    """What `from_pretrained` takes: a folder or hub id, and its other arguments."""
    name = settings.names.model
    if not name:
        raise ArdError("names.model is empty", todo="Write the folder or hub id of a causal language model.")
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ArdError(
                "the folder of the language model has no config.json",
                path=path,
                todo="Give a folder that save_pretrained wrote, or the path of a .gguf file.",
            )
        return str(path), {"local_files_only": True}
    if path.is_file():
        return str(path.parent), {"local_files_only": True, "gguf_file": path.name}
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1:
        raise ArdError("there is no such language model", path=name, todo="Correct names.model in study.toml.")
    return name, {"local_files_only": settings.model.local_files_only}


def _files_hash(path: Path) -> str:
    """Changes with the weights, the configuration or the tokenizer."""
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.suffix in COUNTED)
    return fingerprint({file.name: edge_hash(file) for file in files})


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _todo(error: Exception, extra: dict[str, Any]) -> str:
    if isinstance(error, ImportError) and "gguf_file" in extra:
        return "Install what reads GGUF files: pip install gguf"
    if extra.get("local_files_only"):
        return "Get its files again, or correct names.model."
    return "Connect to the network once, correct names.model, or give the folder of a model that is here."
