"""How one SAE is trained, wholly resolved, and the learning-rate schedule (A-16, S-12, X-2)."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.config import SaeConfig
from backend.study.settings import TrainSection


@dataclass(frozen=True)
class DataStatistics:
    """What the extraction pass learned about the stream.

    Attributes
    ----------
    mean : float tensor [d]
        E x.
    mean_square_norm : float
        E‖x‖²; its square root is the factor of A-17.
    median_norm : float
        Median of ‖x‖.
    """

    mean: Tensor
    mean_square_norm: float
    median_norm: float


@dataclass(frozen=True)
class TrainPlan:
    """Numbers of the optimisation.

    Attributes
    ----------
    steps : int
    batch_tokens : int
        Tokens of the global batch.
    lr : float
        Highest learning rate.
    warmup_steps, decay_start : int
        The rate rises linearly until step `warmup_steps` and falls linearly from `decay_start` to 0 at `steps`.
    grad_clip : float
        Largest norm of the whole gradient; 0 for no limit.
    matmul : "float32" or "bfloat16"
        Precision of the operands of the large products; parameters and sums stay float32.
    decode : "gather" or "dense"
    """

    steps: int
    batch_tokens: int
    lr: float
    warmup_steps: int = 0
    decay_start: int | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    grad_clip: float = 1.0
    matmul: Literal["float32", "bfloat16"] = "float32"
    decode: Literal["gather", "dense"] = "gather"

    @classmethod
    def resolve(
        cls, section: TrainSection, config: SaeConfig, *, stored_tokens: int | None, device: torch.device
    ) -> TrainPlan:
        """The plan that `section` asks for.

        Parameters
        ----------
        stored_tokens : int or None
            Tokens of one epoch, needed where `section.steps` is auto (ArdError otherwise).
        """
        if section.steps != "auto":
            steps = section.steps
        elif stored_tokens:
            steps = max(1, round(section.epochs * stored_tokens / section.batch_tokens))
        else:
            raise ArdError(
                "the number of training steps cannot be taken from epochs, because the number of tokens is not known",
                todo="Give train.steps a number.",
            )
        matmul = default_matmul(device) if section.matmul == "auto" else section.matmul
        return cls(
            steps=steps,
            batch_tokens=section.batch_tokens,
            lr=default_lr(config.n_features) if section.lr == "auto" else section.lr,
            warmup_steps=round(section.warmup * steps),
            decay_start=steps - round(section.decay * steps),
            betas=section.betas,
            eps=section.eps,
            grad_clip=section.grad_clip,
            matmul=matmul,
            decode=default_decode(device, matmul) if section.decode == "auto" else section.decode,
        )

    def lr_at(self, step: int) -> float:
        """Learning rate of the update that follows `step` finished ones (S-12: 2e-4, 1e-4, 0 at 160, 180, 200 k)."""
        factor = 1.0
        if step < self.warmup_steps:
            factor = (step + 1) / self.warmup_steps
        if self.decay_start is not None and self.decay_start <= step and self.decay_start < self.steps:
            factor = min(factor, max(0.0, (self.steps - step) / (self.steps - self.decay_start)))
        return self.lr * factor

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def default_lr(n_features: int) -> float:
    """2e-4/√(D/16384) (A-16, X-2)."""
    return 2e-4 / math.sqrt(n_features / 16384)


def default_matmul(device: torch.device) -> Literal["float32", "bfloat16"]:
    """bfloat16 where the device multiplies it faster than float32, decided by its instructions.

    Asked of the processor rather than timed, so that a resumed run chooses as the first one did.
    """
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device)[0] >= 8
    elif device.type == "cpu":
        instructions = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        fast = any(bool(instructions.get(name)) for name in ("avx512_bf16", "amx_bf16"))
    else:
        fast = False
    return "bfloat16" if fast else "float32"


def default_decode(device: torch.device, matmul: str) -> Literal["gather", "dense"]:
    """Gather on processors, where it is several times faster; dense where matrix units outrun memory.

    At the papers' share of active features (0.5 to 0.8 %) the two are about even on a data-centre GPU; Apple's
    GPUs lack the sparse products.
    """
    return "dense" if device.type == "mps" or (device.type == "cuda" and matmul == "bfloat16") else "gather"
