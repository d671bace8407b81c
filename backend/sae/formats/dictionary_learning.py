"""dictionary_learning's `ae.pt` beside a `config.json`, and AudioSAE's `layer_n/ae.pt` (P-12, P-13, S-09).

The file is a pickled dictionary of tensors and is opened with `weights_only=True` alone (Rule 7).
AudioSAE numbers blocks from 1 (S-02), dictionary_learning's own configs from 0.
"""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.formats.base import FORMATS, SaeFormat, read_config
from backend.sae.formats.published import Published, published
from backend.study.atomic import replacing, write_json

WEIGHTS, CONFIG = "ae.pt", "config.json"
AUDIOSAE_LAYER = re.compile(r"layer_(\d+)")
CLASSES = {
    "AutoEncoderTopK": "topk",
    "BatchTopKSAE": "batchtopk",
    "MatryoshkaBatchTopKSAE": "batchtopk",
    "JumpReluAutoEncoder": "jumprelu",
    "AutoEncoder": "relu",
    "AutoEncoderNew": "relu",
}
TRAINERS = {"topk": "TopKTrainer", "batchtopk": "BatchTopKTrainer", "jumprelu": "JumpReluTrainer"}


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The state dict in `path`, tensors only."""
    try:
        with warnings.catch_warnings():
            # a protocol other than torch's default is fine as long as it holds tensors only, which is checked
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ArdError(f"there is no {WEIGHTS} here", path=path) from error
    except pickle.UnpicklingError as error:
        raise ArdError(
            "this checkpoint holds more than tensors, and ARD does not run code from a checkpoint",
            path=path,
            todo="Ask its author for a state dict saved with torch.save(model.state_dict(), ...).",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise ArdError(f"this checkpoint cannot be read: {error}", path=path, todo="Download it again.") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ArdError("this checkpoint is not a dictionary of tensors", path=path)
    return state


def nearby_config(weights: Path) -> dict[str, Any]:
    """The trainer's config beside the weights or one folder above (AudioSAE keeps one for all layers); {} if none."""
    for folder in (weights.parent, weights.parent.parent):
        if (folder / CONFIG).is_file():
            found = read_config(folder / CONFIG)
            trainer = found.get("trainer")
            return trainer if isinstance(trainer, dict) else found
    return {}


def _architecture(state: dict[str, Tensor], config: dict[str, Any], path: Path) -> str:
    named = CLASSES.get(str(config.get("dict_class", "")))
    if named:
        return named
    if "r_mag" in state or "gate_bias" in state:
        raise ArdError(
            "this is a gated SAE, an architecture that ARD does not have",
            path=path,
            todo="Import a TopK, BatchTopK, JumpReLU or ReLU SAE.",
        )
    threshold = state.get("threshold")
    if threshold is not None and threshold.ndim == 1:
        return "jumprelu"
    if "k" not in state:
        return "relu"
    if threshold is None or "group_sizes" in state:
        return "batchtopk"  # S-11: AudioSAE's release has k and no threshold
    raise ArdError(
        f"without its {CONFIG} this file can be a TopK or a BatchTopK SAE",
        path=path,
        todo=f"Put {CONFIG} beside it, or name the architecture.",
    )


def _layer(path: Path, config: dict[str, Any]) -> int | None:
    one_based = AUDIOSAE_LAYER.fullmatch(path.parent.name)
    if one_based:
        return int(one_based[1]) - 1
    layer = config.get("layer")
    return layer if isinstance(layer, int) else None


class DictionaryLearning(SaeFormat):
    name = "dictionary_learning"

    def detect(self, path: Path) -> bool:
        return path.suffix in (".pt", ".pth") if path.is_file() else (path / WEIGHTS).is_file()

    def read(self, path: Path, **choices: Any) -> Published:
        weights = path if path.is_file() else path / WEIGHTS
        state, config = load_tensors(weights), nearby_config(weights)
        architecture = choices.get("architecture") or _architecture(state, config, weights)
        linear = "encoder.weight" in state  # nn.Linear keeps [out, in], the parameters of the other classes [in, out]
        try:
            W_enc = state["encoder.weight"] if linear else state["W_enc"].T
            W_dec = state["decoder.weight"].T if linear else state["W_dec"]
        except KeyError as error:
            raise ArdError(f"this checkpoint lacks the tensor {error}", path=weights) from error
        b_dec = next((state[n] for n in ("b_dec", "bias", "decoder.bias") if n in state), None)
        # JumpReluAutoEncoder and AutoEncoderNew do not subtract b_dec, all others do
        after = architecture == "jumprelu" or "decoder.bias" in state
        notes: tuple[str, ...] = ()
        threshold = state.get("threshold")
        if architecture == "relu":
            architecture, threshold = "jumprelu", torch.zeros(W_enc.shape[0])
            notes = ("a ReLU SAE, read as JumpReLU with threshold 0",)
        elif architecture == "topk":
            threshold = None
        elif architecture == "batchtopk" and threshold is not None and float(threshold) < 0:
            threshold, notes = None, ("the threshold was never set: top k·n per clip (S-11)",)
        k = choices.get("k") or (int(state["k"]) if "k" in state else config.get("k"))
        return published(
            architecture,
            W_enc=W_enc,
            b_enc=state.get("encoder.bias", state.get("b_enc")),
            W_dec=W_dec,
            b_dec=b_dec,
            k=k,
            bias_mode="none" if b_dec is None else "post" if after else "pre",
            threshold=threshold,
            layer=_layer(weights, config),
            notes=notes,
        )

    def write(self, sae: Published, folder: Path) -> None:
        config = sae.config
        if config.input_scaling == "per_vector" or not config.relu:
            what = "an input scaled per vector" if config.relu else "negative activations"
            raise ArdError(f"dictionary_learning has no SAEs with {what}", todo="Export to another format.")
        if config.architecture == "jumprelu":
            state, dict_class = _jumprelu_state(sae), "JumpReluAutoEncoder"
        else:
            state, dict_class = _topk_state(sae), ("AutoEncoderTopK", "BatchTopKSAE")[config.architecture != "topk"]
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / WEIGHTS) as temporary:
            torch.save(state, temporary)
        trainer = {
            "trainer_class": TRAINERS[config.architecture],
            "dict_class": dict_class,
            "activation_dim": config.d,
            "dict_size": config.n_features,
            "k": config.k,
            "layer": sae.layer,
            "seed": config.seed,
        }
        write_json(folder / CONFIG, {"trainer": trainer})


def _topk_state(sae: Published) -> dict[str, Tensor]:
    """State of AutoEncoderTopK and BatchTopKSAE; per-clip selection is AudioSAE's layout, without threshold."""
    sae = sae.in_bias_mode("pre")
    state = {
        "k": torch.tensor(sae.config.k, dtype=torch.int),
        "threshold": torch.tensor(-1.0),
        "decoder.weight": sae.W_dec.T.contiguous(),
        "encoder.weight": sae.W_enc,
        "encoder.bias": sae.b_enc,
        "b_dec": sae.b_dec,
    }
    if sae.config.architecture == "batchtopk":
        if sae.config.inference == "per_clip" or sae.threshold is None:
            del state["threshold"]
        else:
            state["threshold"] = sae.threshold32()
    return state


def _jumprelu_state(sae: Published) -> dict[str, Tensor]:
    sae = sae.in_bias_mode("post")
    return {
        "W_enc": sae.W_enc.T.contiguous(),
        "b_enc": sae.b_enc,
        "W_dec": sae.W_dec,
        "b_dec": sae.b_dec,
        "threshold": sae.threshold32(),
    }


FORMATS.register(DictionaryLearning.name)(DictionaryLearning())
