"""SAELens' `cfg.json` + `sae_weights.safetensors`, versions 2 to 6, inference models and training checkpoints.

W_enc is [d, D] there. A trained BatchTopK SAE is published as JumpReLU with one threshold for all features.
Scale factors that were not folded in (`expected_average_only_in` with its `activation_scaler.json`,
`rescale_acts_by_decoder_norm`) are folded here, once.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from backend.errors import ArdError
from backend.sae.formats.base import FORMATS, SaeFormat, read_config
from backend.sae.formats.published import Published, published
from backend.sae.formats.sparsify import load_safetensors
from backend.study.atomic import replacing, write_json

WEIGHTS, CONFIG, SCALER = "sae_weights.safetensors", "cfg.json", "activation_scaler.json"
LAYER = re.compile(r"(?:blocks|layers)\.(\d+)(?:\.|$)")
VERSION = "6.0.0"


def _reading(config: dict[str, Any], path: Path) -> tuple[str, int | None]:
    """Architecture in SAELens' words (with "relu" for standard) and k, over the versions' config keys."""
    architecture = str(config.get("architecture", "standard"))
    arguments = config.get("activation_fn_kwargs") or {}
    activation = config.get("activation_fn", config.get("activation_fn_str", "relu"))
    if architecture == "standard" and activation == "topk":
        architecture = "topk"
    details = (config.get("metadata") or {}).get("training_architecture_details") or {}
    k = config.get("k", arguments.get("k", details.get("k")))
    if architecture not in ("standard", "topk", "batchtopk", "jumprelu"):
        raise ArdError(
            f"ARD does not have the architecture '{architecture}' of this SAE",
            path=path,
            todo="Import a standard, topk, batchtopk or jumprelu SAE.",
        )
    if architecture == "standard" and activation not in ("relu", None):
        raise ArdError(f"ARD does not have the activation '{activation}' of this SAE", path=path)
    return architecture, None if k is None else int(k)


def _layer(config: dict[str, Any]) -> int | None:
    metadata = config.get("metadata") or {}
    hook = str(metadata.get("hook_name") or config.get("hook_name") or config.get("hook_point") or "")
    found = LAYER.search(hook)
    # the input of block l is the output of block l − 1
    return int(found[1]) - ("resid_pre" in hook) if found and int(found[1]) - ("resid_pre" in hook) >= 0 else None


class SaeLens(SaeFormat):
    name = "saelens"

    def detect(self, path: Path) -> bool:
        return (path / CONFIG).is_file() and (path / WEIGHTS).is_file()

    def read(self, path: Path, **choices: Any) -> Published:
        config = read_config(path / CONFIG)
        architecture, k = _reading(config, path)
        state = load_safetensors(path / WEIGHTS)
        missing = {"W_enc", "W_dec", "b_dec"} - set(state)
        if missing:
            raise ArdError(f"the weights lack {', '.join(sorted(missing))}", path=path / WEIGHTS)
        weights = {n: state[n].double() for n in ("W_enc", "W_dec", "b_dec")}
        weights["W_enc"] = weights["W_enc"].T
        weights["b_enc"] = state.get("b_enc", torch.zeros(weights["W_enc"].shape[0])).double()
        threshold = state.get("threshold", state.get("topk_threshold"))
        if "log_threshold" in state:
            threshold = state["log_threshold"].double().exp()
        notes: list[str] = []
        if config.get("rescale_acts_by_decoder_norm"):
            _fold_decoder_norm(weights, notes)
        scaling = _fold_input_scaling(config, path, weights, notes)
        if architecture == "standard":
            architecture, threshold = "jumprelu", torch.zeros(weights["W_enc"].shape[0])
            notes.append("a ReLU SAE, read as JumpReLU with threshold 0")
        elif architecture == "topk":
            threshold = None
        elif architecture == "batchtopk" and threshold is not None and float(threshold) <= 0:
            threshold = None
            notes.append("the threshold was never set: top k·n per clip (S-11)")
        return published(
            architecture,
            W_enc=weights["W_enc"],
            b_enc=weights["b_enc"],
            W_dec=weights["W_dec"],
            b_dec=weights["b_dec"],
            k=choices.get("k") or k,
            bias_mode="pre" if config.get("apply_b_dec_to_input", True) else "post",
            threshold=threshold,
            input_scaling="per_vector" if scaling else "none",
            layer=_layer(config),
            notes=tuple(notes),
        )

    def write(self, sae: Published, folder: Path) -> None:
        config = sae.config
        if not config.relu:
            raise ArdError("SAELens has no SAEs with negative activations", todo="Keep it in ARD's own format.")
        if config.architecture == "batchtopk" and (config.inference == "per_clip" or sae.threshold is None):
            raise ArdError(
                "SAELens publishes BatchTopK with a threshold, and this SAE selects per clip",
                todo='Set inference = "threshold" after training one, or export to dictionary_learning.',
            )
        W_enc, W_dec, b_dec = sae.W_enc, sae.W_dec, sae.b_dec
        normalize = "none"
        if config.input_scaling == "per_vector":
            # their input is √d·x/‖x‖, ours x/‖x‖
            root, normalize = math.sqrt(config.d), "constant_norm_rescale"
            W_enc, W_dec, b_dec = W_enc / root, W_dec * root, b_dec * root
        state = {"W_enc": W_enc.T.contiguous(), "b_enc": sae.b_enc, "W_dec": W_dec, "b_dec": b_dec}
        values: dict[str, Any] = {
            "architecture": "topk" if config.architecture == "topk" else "jumprelu",
            "d_in": config.d,
            "d_sae": config.n_features,
            "dtype": "float32",
            "device": "cpu",
            "apply_b_dec_to_input": config.bias_mode == "pre",
            "normalize_activations": normalize,
            "reshape_activations": "none",
            "metadata": {
                "sae_lens_version": VERSION,
                "training_architecture": config.architecture,
                "training_architecture_details": {"k": config.k},
            },
        }
        if config.architecture == "topk":
            values |= {"k": config.k, "rescale_acts_by_decoder_norm": False}
        else:
            state["threshold"] = sae.threshold32().expand(config.n_features).contiguous()
        if sae.layer is not None:
            values["metadata"]["hook_name"] = f"blocks.{sae.layer}.hook_resid_post"
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / WEIGHTS) as temporary:
            save_file(state, temporary)
        write_json(folder / CONFIG, values)


def _fold_decoder_norm(weights: dict[str, Tensor], notes: list[str]) -> None:
    norm = weights["W_dec"].norm(dim=1)
    if bool(((norm - 1).abs() < 1e-5).all()):
        return  # published inference models carry the flag although their norms are folded already
    norm = norm.clamp(min=1e-8)
    weights["W_enc"] = weights["W_enc"] * norm[:, None]
    weights["b_enc"] = weights["b_enc"] * norm
    weights["W_dec"] = weights["W_dec"] / norm[:, None]
    notes.append("decoder norms were folded into the encoder")


def _fold_input_scaling(config: dict[str, Any], path: Path, weights: dict[str, Tensor], notes: list[str]) -> bool:
    """Fold what can be folded; True where the input is scaled per vector."""
    how = config.get("normalize_activations", "none")
    how = {True: "expected_average_only_in", False: "none", None: "none"}.get(how, how)
    if how == "none":
        return False
    if how == "expected_average_only_in":
        factor = read_config(path / SCALER).get("scaling_factor") if (path / SCALER).is_file() else None
        if factor is None:
            notes.append("trained on scaled input, and the file does not hold the factor")
        else:
            weights["W_enc"] = weights["W_enc"] * float(factor)
            weights["W_dec"] = weights["W_dec"] / float(factor)
            weights["b_dec"] = weights["b_dec"] / float(factor)
            notes.append(f"the input scaling factor {float(factor):.6g} was folded in")
        return False
    if how == "constant_norm_rescale":
        root = math.sqrt(weights["W_enc"].shape[1])
        weights["W_enc"] = weights["W_enc"] * root
        weights["W_dec"] = weights["W_dec"] / root
        weights["b_dec"] = weights["b_dec"] / root
        return True
    raise ArdError(
        f"ARD cannot apply the input normalisation '{how}' of this SAE",
        path=path,
        todo="Import an SAE whose normalisation is none, expected_average_only_in or constant_norm_rescale.",
    )


FORMATS.register(SaeLens.name)(SaeLens())
