"""One update of the built-in model after another: settings, schedule, optimiser state. Knows neither files nor time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from backend.builtin.batches import Disturbance
from backend.builtin.heads import Heads, listening
from backend.builtin.packing import Packed, predict
from backend.errors import ArdError
from backend.sae.plan import default_matmul

FROZEN = "model.audio_tower."
HEADS = "heads."


@dataclass(frozen=True)
class TrainSettings:
    """How the model is trained.

    Attributes
    ----------
    minutes : float
        Time for all steps and validations. How many steps that is, is measured once, during the warm-up, and kept in
        the checkpoint: later delays change no result.
    steps : int or None
        So many steps instead, however long they take.
    most_epochs : float or None
        Never see an example more often than this; None for no limit.
    batch : int
        Clips of a step; each brings all questions of its dialogue.
    lr, warmup_steps, last_lr : float, int, float
        Rises linearly, then falls as a cosine to `last_lr` × `lr`.
    weight_decay : float
        Of matrices; biases, norms and embeddings have none.
    grad_clip : float
        Largest norm of the whole gradient.
    heads : float
        Weight of the classifiers' loss (`backend.builtin.heads`); 0 trains without them.
    heads_layer : int
        Decoder layer whose output they read.
    stream_noise : float
        Noise that is added to the audio positions after `heads_layer`, in units of each channel's own deviation there.
        An SAE's reconstruction differs from the stream by about as much (its FVU is the square), and no answer should
        hang on that.
    branch_dropout : float
        Share of the channels of each attention and feed-forward output that is left out of the residual stream, for
        all positions of a row alike.
    disturbance : Disturbance
    matmul : "auto", "float32" or "bfloat16"
        Precision inside large products; auto takes bfloat16 where the device has instructions for it.
    validate_every : int
        Steps; every validation is followed by a checkpoint.
    patience : int
        Validations without a new best one after which training ends; 0 to train to the last step.
    seed : int
    device : str
        As `model.device` of a study.
    """

    minutes: float = 40.0
    steps: int | None = None
    most_epochs: float | None = None
    batch: int = 32
    lr: float = 1e-3
    warmup_steps: int = 100
    last_lr: float = 0.02
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    grad_clip: float = 1.0
    heads: float = 0.3
    heads_layer: int = 1
    stream_noise: float = 0.3
    branch_dropout: float = 0.15
    disturbance: Disturbance = field(default_factory=Disturbance)
    matmul: Literal["auto", "float32", "bfloat16"] = "auto"
    validate_every: int = 200
    patience: int = 0
    seed: int = 0
    device: str = "auto"

    def lr_at(self, step: int, steps: int | None) -> float:
        """Learning rate of the update that follows `step` finished ones; of `steps`, where that is known already."""
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        if steps is None:
            return self.lr
        share = min(1.0, (step - self.warmup_steps) / max(1, steps - self.warmup_steps))
        return self.lr * (self.last_lr + (1 - self.last_lr) * 0.5 * (1 + math.cos(math.pi * share)))


class Trainer:
    """The model with its optimiser. A step is a function of the state, the batch and its number, on the CPU to the
    last bit at an equal number of threads."""

    def __init__(
        self, model: Any, settings: TrainSettings, device: torch.device, heads: Heads | None = None
    ) -> None:  # fmt: skip
        self.model, self.settings, self.device = model, settings, device
        self.heads = None if heads is None else heads.to(device)
        self.trained: dict[str, torch.nn.Parameter] = {
            name: parameter for name, parameter in model.named_parameters() if not name.startswith(FROZEN)
        }
        if self.heads is not None:
            self.trained |= {f"{HEADS}{name}": parameter for name, parameter in self.heads.named_parameters()}
        for parameter in self.trained.values():
            parameter.requires_grad_(True)
        matrices = [p for n, p in self.trained.items() if p.ndim == 2 and "embed_tokens" not in n]
        others = [p for n, p in self.trained.items() if p.ndim != 2 or "embed_tokens" in n]
        self.adam = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=settings.lr,
            betas=settings.betas,
            fused=True,
        )
        matmul = default_matmul(device) if settings.matmul == "auto" else settings.matmul
        self._bfloat16 = matmul == "bfloat16"
        self.step_number = 0

    def step(self, batch: Packed, lr: float) -> float:
        """One update; returns the mean loss of an answer token. ArdError if loss or gradient is not finite."""
        for group in self.adam.param_groups:
            group["lr"] = lr
        with torch.random.fork_rng(devices=[]), branch_dropout(self.model, self.settings.branch_dropout):
            torch.manual_seed(self.settings.seed * 1_000_003 + self.step_number)
            loss, told = self._losses(batch.to(self.device))
            (loss + self.settings.heads * told).backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.trained.values(), self.settings.grad_clip)
        if not bool(torch.isfinite(norm)):
            raise ArdError(
                f"training the built-in model met a gradient that is not a finite number at step {self.step_number}",
                todo="Lower the learning rate.",
            )
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        self.step_number += 1
        return float(loss.detach())

    def _losses(self, batch: Packed) -> tuple[Tensor, Tensor]:
        """Mean loss of an answer token, and the classifiers' loss."""
        blocks = self.model.model.language_model.layers
        block = blocks[min(self.settings.heads_layer, len(blocks) - 1)]
        at_audio = batch.ids == self.model.config.audio_token_id
        with self._precision(), listening(block) as heard, noisy(block, self.settings.stream_noise, at_audio):
            predicted = predict(self.model, batch)
        loss = predicted.loss / max(1, predicted.tokens)
        if self.heads is None:
            return loss, torch.zeros_like(loss)
        return loss, self.heads(heard[0], at_audio, batch.classes)

    @torch.no_grad()
    def validate(self, batches: Iterable[Packed]) -> dict[str, float]:
        """`loss` and `token_accuracy` of an answer token, `answer_accuracy` of a whole answer given its beginning, and
        the number of `answers`."""
        loss, tokens, right, answers, whole = 0.0, 0, 0, 0, 0
        for batch in batches:
            with self._precision():
                predicted = predict(self.model, batch.to(self.device), count=True)
            loss += float(predicted.loss)
            tokens, right = tokens + predicted.tokens, right + predicted.right_tokens
            answers, whole = answers + predicted.answers, whole + predicted.right_answers
        return {
            "loss": loss / max(1, tokens),
            "token_accuracy": right / max(1, tokens),
            "answer_accuracy": whole / max(1, answers),
            "answers": answers,
        }

    def weights(self) -> dict[str, Tensor]:
        """A copy of what is trained, on the CPU."""
        return {name: parameter.detach().to("cpu", copy=True) for name, parameter in self.trained.items()}

    @torch.no_grad()
    def set_weights(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.trained.items():
            parameter.copy_(weights[name])

    def state_dict(self) -> dict[str, Tensor]:
        """All state as flat tensors on the CPU."""
        state = {f"weights.{name}": tensor for name, tensor in self.weights().items()}
        for name, parameter in self.trained.items():
            adam = self.adam.state[parameter]
            state |= {f"adam.{name}.{key}": tensor.detach().to("cpu", copy=True) for key, tensor in adam.items()}
        return state | {"step": torch.tensor(self.step_number)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state_dict`."""
        self.set_weights({name: state[f"weights.{name}"] for name in self.trained})
        for name, parameter in self.trained.items():
            prefix = f"adam.{name}."
            saved = {key.removeprefix(prefix): t for key, t in state.items() if key.startswith(prefix)}
            self.adam.state[parameter] = {key: t.to(self.device) for key, t in saved.items()}
        self.step_number = int(state["step"])

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16) if self._bfloat16 else nullcontext()


@contextmanager
def branch_dropout(model: Any, share: float) -> Iterator[None]:
    """Inside, attention and feed-forward outputs lose a random share of their channels, for all positions alike."""

    def drop(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        kept = torch.rand(hidden.shape[0], 1, hidden.shape[-1], device=hidden.device) >= share
        hidden = hidden * (kept / (1.0 - share)).to(hidden.dtype)
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    layers = model.model.language_model.layers if share > 0 else []
    handles = [part.register_forward_hook(drop) for layer in layers for part in (layer.self_attn, layer.mlp)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def noisy(block: torch.nn.Module, share: float, at_audio: Tensor) -> Iterator[None]:
    """Inside, what `block` gives out at the positions `at_audio` [rows, L] has noise of `share` times the deviation of
    each channel over these positions."""

    def disturb(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        deviation = hidden.detach()[at_audio].float().std(0)
        noise = share * deviation * torch.randn(hidden.shape, device=hidden.device)
        hidden = hidden + (noise * at_audio[..., None]).to(hidden.dtype)
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    handles = [block.register_forward_hook(disturb)] if share > 0 else []
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
