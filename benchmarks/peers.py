"""The peers of the training benchmark, each through its own public classes.

A contestant owns one SAE and its optimiser and is asked for one training step on one batch. All start from the
same weights (`Start`) and see the same batches. What of each library runs:

* dictionary_learning: `BatchTopKTrainer` / `TopKTrainer`, their whole `update()` (loss, AuxK bookkeeping, gradient
  projection, clipping, Adam, schedule, renormalisation). Its training loop puts autocast around `update` on CUDA
  only; here it is put there on every device.
* SAELens: `SAETrainer.step()` of a `TopKTrainingSAE` / `BatchTopKTrainingSAE`: training_forward_pass, firing
  statistics, backward, clipping, Adam, schedule. Autocast is its own option.
* sparsify: `SparseCoder.forward` (its fused encoder) with what `Trainer` does around it in the "adam" setting:
  renormalisation, FVU loss, dead-feature bookkeeping, gradient projection, Adam. Its Trainer cannot run
  without a language model and a text data set, so those lines stand here.

The variant "fused" replaces the optimiser by Adam(fused=True), the best PyTorch offers on every device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Start:
    """Common starting point and schedule: W_enc = W_dec with unit rows, b_enc = 0, b_dec given, constant rate."""

    W_dec: Tensor
    b_dec: Tensor
    k: int
    lr: float
    steps: int
    batch: int
    device: str


class Contestant(ABC):
    """One trainer under measurement."""

    name: str
    family: str
    dtype: str
    recipe = "unit"
    """What becomes of the decoder's norms: unit, free or rescaled; FVUs are compared within one recipe."""

    @abstractmethod
    def step(self, x: Tensor) -> None:
        """One optimiser step on x [B, d], float32."""

    @abstractmethod
    def reconstruct(self, x: Tensor) -> Tensor:
        """x̂ [B, d] in float32 under the selection used in training."""


def autocast(device: str, dtype: str) -> torch.autocast:
    return torch.autocast(device.split(":")[0], torch.bfloat16, enabled=dtype == "bf16")


def fused_adam(parameters: Any, lr: float) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=lr, betas=(0.9, 0.999), fused=True)


class Plain(Contestant):
    """What one writes without a library: dense scatter, dense decode, autograd, and the usual recipe around it."""

    def __init__(self, start: Start, family: str, dtype: str, *, fused: bool) -> None:
        self.name, self.family, self.dtype = f"plain PyTorch{' fused' if fused else ''}", family, dtype
        self.start = start
        self.W_enc, self.W_dec = (nn.Parameter(start.W_dec.clone()) for _ in range(2))
        self.b_enc = nn.Parameter(start.W_dec.new_zeros(len(start.W_dec)))
        self.b_dec = nn.Parameter(start.b_dec.clone())
        self.parameters = [self.W_enc, self.b_enc, self.W_dec, self.b_dec]
        self.optimizer = (
            fused_adam(self.parameters, start.lr) if fused else torch.optim.Adam(self.parameters, lr=start.lr)
        )

    def forward(self, x: Tensor) -> Tensor:
        acts = torch.relu((x - self.b_dec) @ self.W_enc.T + self.b_enc)
        if self.family == "topk":
            top = acts.topk(self.start.k, dim=-1, sorted=False)
            z = torch.zeros_like(acts).scatter(-1, top.indices, top.values)
        else:
            flat = acts.flatten()
            top = flat.topk(self.start.k * len(x), sorted=False)
            z = torch.zeros_like(flat).scatter(-1, top.indices, top.values).view_as(acts)
        return z @ self.W_dec + self.b_dec

    def step(self, x: Tensor) -> None:
        with autocast(self.start.device, self.dtype):
            loss = (self.forward(x) - x).pow(2).sum(-1).mean()
        loss.backward()
        with torch.no_grad():
            gradient = self.W_dec.grad
            assert gradient is not None
            gradient -= (gradient * self.W_dec).sum(1, keepdim=True) * self.W_dec
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            self.W_dec /= self.W_dec.norm(dim=1, keepdim=True)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        return self.forward(x)


class DictionaryLearning(Contestant):
    def __init__(self, start: Start, family: str, dtype: str, *, fused: bool) -> None:
        from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer
        from dictionary_learning.trainers.top_k import TopKTrainer

        self.name, self.family, self.dtype = f"dictionary_learning{' fused' if fused else ''}", family, dtype
        self.device, self.count = start.device, 0
        features, d = start.W_dec.shape
        self.trainer = (TopKTrainer if family == "topk" else BatchTopKTrainer)(
            steps=start.steps + 1, activation_dim=d, dict_size=features, k=start.k, layer=0, lm_name="none",
            lr=start.lr, warmup_steps=0, seed=0, device=start.device,
        )  # fmt: skip
        ae = self.trainer.ae
        ae.decoder.weight.data = start.W_dec.T.clone()
        ae.encoder.weight.data = start.W_dec.clone()
        if fused:
            self.trainer.optimizer = fused_adam(ae.parameters(), start.lr)
            self.trainer.scheduler = torch.optim.lr_scheduler.LambdaLR(self.trainer.optimizer, lambda _: 1.0)

    def step(self, x: Tensor) -> None:
        with autocast(self.device, self.dtype):
            self.trainer.update(self.count, x)
        self.count += 1

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        ae = self.trainer.ae
        return ae.decode(ae.encode(x, use_threshold=False))


class SaeLens(Contestant):
    """With `rescale` its default recipe: decoder norms stay free and multiply the pre-activations; without, they
    stay free and multiply nothing, which is less work and the recipe of ARD's decoder_norm = "free"."""

    def __init__(self, start: Start, family: str, dtype: str, *, fused: bool, rescale: bool = True) -> None:
        from sae_lens.config import LoggingConfig, SAETrainerConfig
        from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
        from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
        from sae_lens.training.sae_trainer import SAETrainer

        self.name = f"SAELens{'' if rescale else ' free'}{' fused' if fused else ''}"
        self.family, self.dtype = family, dtype
        self.recipe = "rescaled" if rescale else "free"
        features, d = start.W_dec.shape
        model, config = (
            (TopKTrainingSAE, TopKTrainingSAEConfig)
            if family == "topk"
            else (BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig)
        )
        self.sae = model(
            config(
                d_in=d, d_sae=features, k=start.k, device=start.device, decoder_init_norm=1.0,
                rescale_acts_by_decoder_norm=rescale,
            )
        )  # fmt: skip
        self.sae.W_dec.data = start.W_dec.clone()
        self.sae.W_enc.data = start.W_dec.T.clone().contiguous()
        self.sae.b_dec.data = start.b_dec.clone()
        self.trainer = SAETrainer(
            SAETrainerConfig(
                total_training_samples=start.steps * start.batch,
                train_batch_size_samples=start.batch,
                lr=start.lr,
                lr_end=start.lr,
                device=start.device,
                autocast=dtype == "bf16",
                logger=LoggingConfig(log_to_wandb=False),
            ),
            self.sae,
            data_provider=iter(()),
        )
        if fused:
            self.trainer.optimizer = fused_adam(self.sae.parameters(), start.lr)
            self.trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(self.trainer.optimizer, lambda _: 1.0)

    def step(self, x: Tensor) -> None:
        self.trainer.step(x)
        self.trainer.n_training_steps += 1

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        return self.sae.decode(self.sae.encode(x))


class Sparsify(Contestant):
    def __init__(self, start: Start, family: str, dtype: str, *, fused: bool) -> None:
        from sparsify import SparseCoder, SparseCoderConfig

        self.name, self.family, self.dtype = f"sparsify{' fused' if fused else ''}", family, dtype
        features, d = start.W_dec.shape
        self.device, self.batch = start.device, start.batch
        self.sae = SparseCoder(d, SparseCoderConfig(num_latents=features, k=start.k), device=start.device)
        self.sae.encoder.weight.data = start.W_dec.clone()
        self.sae.W_dec.data = start.W_dec.clone()
        self.sae.b_dec.data = start.b_dec.clone()
        parameters = self.sae.parameters()
        self.optimizer = fused_adam(parameters, start.lr) if fused else torch.optim.Adam(parameters, lr=start.lr)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda _: 1.0)
        self.tokens_since_fired = torch.zeros(features, dtype=torch.long, device=start.device)

    def step(self, x: Tensor) -> None:
        self.sae.set_decoder_norm_to_unit_norm()
        total_variance = (x - x.mean(0)).pow(2).sum()
        with autocast(self.device, self.dtype):
            out = self.sae(x=x, y=x, dead_mask=None, total_variance=total_variance)
        fired = torch.zeros(len(self.tokens_since_fired), dtype=torch.bool, device=x.device)
        fired[out.latent_indices.flatten()] = True
        float(out.fvu.detach())
        out.fvu.backward()
        self.sae.remove_gradient_parallel_to_decoder_directions()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.scheduler.step()
        self.tokens_since_fired += self.batch
        self.tokens_since_fired[fired] = 0

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        return self.sae(x).sae_out
