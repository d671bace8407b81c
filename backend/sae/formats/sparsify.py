"""sparsify's `cfg.json` + `sae.safetensors`: TopK with ReLU and a pre-bias (P-1, P-13)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from backend.errors import ArdError
from backend.sae.formats.base import FORMATS, SaeFormat, read_config
from backend.sae.formats.published import Published, published
from backend.study.atomic import replacing, write_json

WEIGHTS, CONFIG = "sae.safetensors", "cfg.json"
HOOKPOINT = re.compile(r"(?:.*\.)?layers[._](\d+)$")


def load_safetensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of the file; ArdError if it is missing or damaged."""
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise ArdError(f"this SAE lacks its {path.name}", path=path, todo="Download the whole folder.") from error
    except SafetensorError as error:
        raise ArdError(
            f"the weights of this SAE are damaged: {error}", path=path, todo="Download them again."
        ) from error


def _refuse_other_models(config: dict[str, Any], path: Path) -> None:
    activation = config.get("activation", "topk")
    wrong = (
        f"its activation is {activation}" if activation != "topk"
        else "it is a transcoder" if config.get("transcode")
        else "it has a skip connection" if config.get("skip_connection")
        else "its activations are signed" if config.get("signed")
        else ""
    )  # fmt: skip
    if wrong:
        raise ArdError(f"ARD does not have this kind of sparse coder: {wrong}", path=path, todo="Import a TopK SAE.")


class Sparsify(SaeFormat):
    name = "sparsify"

    def detect(self, path: Path) -> bool:
        return (path / CONFIG).is_file() and (path / WEIGHTS).is_file()

    def read(self, path: Path, **choices: Any) -> Published:
        config = read_config(path / CONFIG)
        _refuse_other_models(config, path)
        state = load_safetensors(path / WEIGHTS)
        missing = {"encoder.weight", "W_dec"} - set(state)
        if missing:
            raise ArdError(f"the weights lack {', '.join(sorted(missing))}", path=path / WEIGHTS)
        hookpoint = HOOKPOINT.match(path.name)
        return published(
            "topk",
            W_enc=state["encoder.weight"],
            b_enc=state.get("encoder.bias"),
            W_dec=state["W_dec"],
            b_dec=state.get("b_dec"),
            k=choices.get("k") or config.get("k"),
            bias_mode="pre",
            layer=int(hookpoint[1]) if hookpoint else None,
        )

    def write(self, sae: Published, folder: Path) -> None:
        config = sae.config
        if config.architecture != "topk" or not config.relu or config.input_scaling == "per_vector":
            raise ArdError(
                "sparsify has only TopK SAEs with ReLU on unscaled input",
                todo="Export to dictionary_learning or saelens.",
            )
        sae = sae.in_bias_mode("pre")
        folder.mkdir(parents=True, exist_ok=True)
        state = {"encoder.weight": sae.W_enc, "encoder.bias": sae.b_enc, "W_dec": sae.W_dec, "b_dec": sae.b_dec}
        with replacing(folder / WEIGHTS) as temporary:
            save_file(state, temporary)
        write_json(
            folder / CONFIG,
            {
                "activation": "topk",
                "expansion_factor": max(1, config.n_features // config.d),
                "normalize_decoder": config.decoder_norm == "unit",
                "num_latents": config.n_features,
                "k": config.k,
                "multi_topk": False,
                "skip_connection": False,
                "transcode": False,
                "d_in": config.d,
            },
        )


FORMATS.register(Sparsify.name)(Sparsify())
