"""Published SAEs are read in the exact layout their libraries write, and written so that they read back."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from backend.errors import ArdError
from backend.sae.base import Sae, build
from backend.sae.batchtopk import BatchTopK
from backend.sae.config import SaeConfig
from backend.sae.formats.base import FORMATS, detect_format
from backend.sae.formats.exchange import export_sae
from backend.sae.formats.published import Published, published

D, WIDTH, K = 12, 5, 3


def weights(seed: int = 0) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(seed)
    W_dec = torch.nn.functional.normalize(torch.randn(D, WIDTH, generator=g), dim=1)
    return {
        "W_enc": torch.randn(D, WIDTH, generator=g),
        "b_enc": 0.3 * torch.randn(D, generator=g),
        "W_dec": W_dec,
        "b_dec": torch.randn(WIDTH, generator=g),
    }


def tokens(n: int = 40, seed: int = 1) -> Tensor:
    return 2 * torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(seed)) + 1


def topk(a: Tensor, k: int) -> Tensor:
    a = a.relu()
    top = a.topk(k, dim=1)
    return torch.zeros_like(a).scatter(1, top.indices, top.values)


def linear_state(w: dict[str, Tensor], **more: Tensor) -> dict[str, Tensor]:
    """The state dict of AutoEncoderTopK and BatchTopKSAE: nn.Linear orientation."""
    return {
        **more,
        "decoder.weight": w["W_dec"].T.contiguous(),
        "encoder.weight": w["W_enc"],
        "encoder.bias": w["b_enc"],
        "b_dec": w["b_dec"],
    }


def dictionary_learning_folder(folder: Path, state: dict[str, Tensor], dict_class: str | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "ae.pt")
    if dict_class:
        trainer = {"dict_class": dict_class, "layer": 4, "k": K, "lm_name": "m"}
        (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": {"d_submodule": WIDTH}}))
    return folder


def saelens_folder(folder: Path, state: dict[str, Tensor], config: dict[str, Any]) -> Path:
    folder.mkdir(parents=True)
    save_file({name: t.contiguous() for name, t in state.items()}, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(json.dumps({"d_in": WIDTH, "d_sae": D, "dtype": "float32"} | config))
    return folder


def saelens_state(w: dict[str, Tensor], **more: Tensor) -> dict[str, Tensor]:
    return {"W_enc": w["W_enc"].T, "b_enc": w["b_enc"], "W_dec": w["W_dec"], "b_dec": w["b_dec"], **more}


def codes(sae: Sae, x: Tensor, lengths: Tensor | None = None) -> Tensor:
    return sae.encode(x, lengths).dense()


def test_audiosae_layer_folder_is_a_zero_based_block_and_selects_per_clip(tmp_path: Path) -> None:
    w = weights()
    folder = dictionary_learning_folder(tmp_path / "layer_12", linear_state(w, k=torch.tensor(K)), None)
    (tmp_path / "config.json").write_text('{"activation_dim": 5, "dict_size": 12}')
    read = detect_format(folder).read(folder)
    assert (read.layer, read.config.architecture, read.config.inference, read.config.k) == (
        11,
        "batchtopk",
        "per_clip",
        K,
    )
    assert read.config.bias_mode == "pre"
    x, lengths = tokens(), torch.tensor([25, 15])
    a = torch.relu((x - w["b_dec"]) @ w["W_enc"].T + w["b_enc"])
    expected = torch.zeros_like(a)
    for rows in (slice(0, 25), slice(25, 40)):
        flat = a[rows].flatten()
        top = flat.topk(K * len(a[rows]))
        expected[rows] = torch.zeros_like(flat).scatter(0, top.indices, top.values).view_as(a[rows])
    torch.testing.assert_close(codes(read.build(), x, lengths), expected)


def test_batchtopk_of_dictionary_learning_is_active_strictly_above_its_threshold(tmp_path: Path) -> None:
    w = weights()
    state = linear_state(w, k=torch.tensor(K, dtype=torch.int), threshold=torch.tensor(1.25))
    folder = dictionary_learning_folder(tmp_path, state, "BatchTopKSAE")
    read = detect_format(folder).read(folder)
    assert (read.config.inference, read.layer) == ("threshold", 4)
    x = tokens()
    a = torch.relu((x - w["b_dec"]) @ w["W_enc"].T + w["b_enc"])
    sae = read.build()
    torch.testing.assert_close(codes(sae, x), a * (a > 1.25))
    torch.testing.assert_close(sae.reconstruct(x), a * (a > 1.25) @ w["W_dec"] + w["b_dec"])


def test_topk_of_dictionary_learning_ignores_its_threshold(tmp_path: Path) -> None:
    w = weights()
    state = linear_state(w, k=torch.tensor(K, dtype=torch.int), threshold=torch.tensor(1.25))
    read = FORMATS.get("dictionary_learning").read(dictionary_learning_folder(tmp_path, state, "AutoEncoderTopK"))
    x = tokens()
    torch.testing.assert_close(codes(read.build(), x), topk((x - w["b_dec"]) @ w["W_enc"].T + w["b_enc"], K))


def test_untrained_threshold_of_dictionary_learning_means_selection_per_clip(tmp_path: Path) -> None:
    state = linear_state(weights(), k=torch.tensor(K, dtype=torch.int), threshold=torch.tensor(-1.0))
    read = FORMATS.get("dictionary_learning").read(dictionary_learning_folder(tmp_path, state, "BatchTopKSAE"))
    assert read.config.inference == "per_clip"
    assert read.notes


def test_jumprelu_of_dictionary_learning_adds_the_bias_only_after_decoding(tmp_path: Path) -> None:
    w, threshold = weights(), torch.linspace(0, 1.5, D)
    folder = dictionary_learning_folder(tmp_path, saelens_state(w, threshold=threshold), None)
    read = detect_format(folder).read(folder)
    assert (read.config.architecture, read.config.bias_mode) == ("jumprelu", "post")
    x = tokens()
    a = x @ w["W_enc"].T + w["b_enc"]
    torch.testing.assert_close(codes(read.build(), x), a.relu() * (a > threshold))


def test_relu_autoencoder_of_dictionary_learning_is_jumprelu_with_threshold_zero(tmp_path: Path) -> None:
    w = weights()
    state = linear_state(w)
    state["bias"] = state.pop("b_dec")
    read = FORMATS.get("dictionary_learning").read(dictionary_learning_folder(tmp_path, state, "AutoEncoder"))
    x = tokens()
    torch.testing.assert_close(codes(read.build(), x), torch.relu((x - w["b_dec"]) @ w["W_enc"].T + w["b_enc"]))


def test_dictionary_learning_file_that_could_be_two_architectures_asks(tmp_path: Path) -> None:
    state = linear_state(weights(), k=torch.tensor(K), threshold=torch.tensor(0.5))
    folder = dictionary_learning_folder(tmp_path, state, None)
    with pytest.raises(ArdError, match=r"TopK or a BatchTopK"):
        FORMATS.get("dictionary_learning").read(folder)
    assert FORMATS.get("dictionary_learning").read(folder, architecture="topk").config.architecture == "topk"


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploded"),))


def test_pickle_with_code_is_refused_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"encoder.weight": Bomb()}, tmp_path / "ae.pt")
    with pytest.raises(ArdError, match="more than tensors"):
        FORMATS.get("dictionary_learning").read(tmp_path)
    (tmp_path / "ae.pt").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ArdError):
        FORMATS.get("dictionary_learning").read(tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_saelens_topk_subtracts_the_bias_or_not_as_its_config_says(tmp_path: Path) -> None:
    w, x = weights(), tokens()
    for subtract in (True, False):
        config = {"architecture": "topk", "k": K, "apply_b_dec_to_input": subtract, "metadata": {}}
        folder = saelens_folder(tmp_path / str(subtract), saelens_state(w), config)
        read = detect_format(folder).read(folder)
        a = (x - subtract * w["b_dec"]) @ w["W_enc"].T + w["b_enc"]
        torch.testing.assert_close(codes(read.build(), x), topk(a, K))


def test_saelens_version_5_topk_and_its_layer_are_recognised(tmp_path: Path) -> None:
    config = {
        "architecture": "standard", "activation_fn_str": "topk", "activation_fn_kwargs": {"k": K},
        "hook_point": "blocks.7.hook_resid_pre", "normalize_activations": False,
    }  # fmt: skip
    read = FORMATS.get("saelens").read(saelens_folder(tmp_path / "sae", saelens_state(weights()), config))
    assert (read.config.architecture, read.config.k, read.layer) == ("topk", K, 6)


def test_saelens_training_checkpoint_has_its_decoder_norms_folded(tmp_path: Path) -> None:
    w, x = weights(), tokens()
    w["W_dec"] = w["W_dec"] * torch.linspace(0.5, 2, D)[:, None]
    state = saelens_state(w, topk_threshold=torch.tensor(1.5, dtype=torch.float64))
    config = {"architecture": "batchtopk", "k": float(K), "rescale_acts_by_decoder_norm": True}
    sae = FORMATS.get("saelens").read(saelens_folder(tmp_path / "sae", state, config)).build()
    norm = w["W_dec"].norm(dim=1)
    a = ((x - w["b_dec"]) @ w["W_enc"].T + w["b_enc"]) * norm
    expected = a.relu() * (a > 1.5)
    torch.testing.assert_close(codes(sae, x), expected)
    torch.testing.assert_close(sae.reconstruct(x), expected / norm @ w["W_dec"] + w["b_dec"])


def test_saelens_scaling_factor_beside_the_weights_is_folded_once(tmp_path: Path) -> None:
    w, x = weights(), tokens()
    config = {"architecture": "topk", "k": K, "normalize_activations": "expected_average_only_in"}
    folder = saelens_folder(tmp_path / "sae", saelens_state(w), config)
    (folder / "activation_scaler.json").write_text('{"scaling_factor": 0.25}')
    sae = FORMATS.get("saelens").read(folder).build()
    z = topk((0.25 * x - w["b_dec"]) @ w["W_enc"].T + w["b_enc"], K)
    torch.testing.assert_close(codes(sae, x), z)
    torch.testing.assert_close(sae.reconstruct(x), (z @ w["W_dec"] + w["b_dec"]) / 0.25)


def test_saelens_constant_norm_rescale_is_scaling_per_vector(tmp_path: Path) -> None:
    w, x = weights(), tokens()
    config = {"architecture": "topk", "k": K, "normalize_activations": "constant_norm_rescale"}
    sae = FORMATS.get("saelens").read(saelens_folder(tmp_path / "sae", saelens_state(w), config)).build()
    factor = WIDTH**0.5 / x.norm(dim=1, keepdim=True)
    z = topk((x * factor - w["b_dec"]) @ w["W_enc"].T + w["b_enc"], K)
    torch.testing.assert_close(codes(sae, x), z)
    torch.testing.assert_close(sae.reconstruct(x), (z @ w["W_dec"] + w["b_dec"]) / factor)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"architecture": "gated"}, "'gated'"),
        ({"architecture": "topk", "k": K, "normalize_activations": "layer_norm"}, "'layer_norm'"),
        ({"architecture": "standard", "activation_fn": "tanh-relu"}, "'tanh-relu'"),
        ({"architecture": "topk"}, r"\(k\)"),
    ],
)
def test_saelens_kinds_that_ard_lacks_are_named(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ArdError, match=message):
        FORMATS.get("saelens").read(saelens_folder(tmp_path / "sae", saelens_state(weights()), config))


def sparsify_folder(folder: Path, w: dict[str, Tensor], **config: Any) -> Path:
    folder.mkdir(parents=True)
    state = {"encoder.weight": w["W_enc"], "encoder.bias": w["b_enc"], "W_dec": w["W_dec"], "b_dec": w["b_dec"]}
    save_file(state, folder / "sae.safetensors")
    plain = {"activation": "topk", "expansion_factor": 32, "num_latents": 0, "k": K, "transcode": False, "d_in": WIDTH}
    (folder / "cfg.json").write_text(json.dumps(plain | config))
    return folder


def test_sparsify_folder_is_topk_with_pre_bias_at_the_layer_of_its_name(tmp_path: Path) -> None:
    w, x = weights(), tokens()
    folder = sparsify_folder(tmp_path / "layers.10", w)
    read = detect_format(folder).read(folder)
    assert read.layer == 10
    torch.testing.assert_close(codes(read.build(), x), topk((x - w["b_dec"]) @ w["W_enc"].T + w["b_enc"], K))


@pytest.mark.parametrize("config", [{"activation": "groupmax"}, {"transcode": True}, {"skip_connection": True}])
def test_sparsify_kinds_that_ard_lacks_are_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(ArdError, match="does not have this kind"):
        FORMATS.get("sparsify").read(sparsify_folder(tmp_path / "sae", weights(), **config))


def test_bfloat16_weights_are_read_as_float32(tmp_path: Path) -> None:
    w = {name: t.bfloat16() for name, t in weights().items()}
    read = FORMATS.get("sparsify").read(sparsify_folder(tmp_path / "sae", w))
    assert {t.dtype for t in (read.W_enc, read.b_enc, read.W_dec, read.b_dec)} == {torch.float32}


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    folder = sparsify_folder(tmp_path / "sae", weights())
    (folder / "sae.safetensors").write_bytes((folder / "sae.safetensors").read_bytes()[:-9])
    with pytest.raises(ArdError, match=r"damaged.*sae\.safetensors"):
        FORMATS.get("sparsify").read(folder)
    (folder / "cfg.json").write_text("{")
    with pytest.raises(ArdError, match=r"damaged.*cfg\.json"):
        FORMATS.get("sparsify").read(folder)
    (tmp_path / "ae.pt").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ArdError, match="cannot be read"):
        FORMATS.get("dictionary_learning").read(tmp_path)


def test_a_path_without_a_published_sae_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="no published SAE"):
        detect_format(tmp_path)
    with pytest.raises(ArdError, match="no SAE to import"):
        detect_format(tmp_path / "absent")


def test_weights_of_wrong_shape_or_with_nan_are_refused() -> None:
    w = weights()
    with pytest.raises(ArdError, match=r"decoder has shape \(5, 12\)"):
        published("topk", **(w | {"W_dec": w["W_dec"].T}), k=K, bias_mode="pre")
    w["b_enc"][3] = torch.nan
    with pytest.raises(ArdError, match="encoder bias holds NaN"):
        published("topk", **w, k=K, bias_mode="pre")


def native(architecture: str, bias_mode: str, inference: str = "threshold", scaling: str = "none") -> Sae:
    w = weights()
    threshold = {"topk": None, "batchtopk": torch.tensor(0.75), "jumprelu": torch.linspace(0.1, 1.5, D)}[architecture]
    if bias_mode == "none":
        w["b_dec"] = torch.zeros(WIDTH)
    read = published(architecture, **w, k=K, bias_mode=bias_mode, threshold=threshold, input_scaling=scaling)  # type: ignore[arg-type]
    return read.reconfigured(inference=inference).build()


ROUND_TRIPS = [
    ("dictionary_learning", "topk", "threshold"),
    ("dictionary_learning", "batchtopk", "threshold"),
    ("dictionary_learning", "batchtopk", "per_clip"),
    ("dictionary_learning", "jumprelu", "threshold"),
    ("saelens", "topk", "threshold"),
    ("saelens", "batchtopk", "threshold"),
    ("saelens", "jumprelu", "threshold"),
    ("sparsify", "topk", "threshold"),
    ("ard", "topk", "threshold"),
    ("ard", "batchtopk", "threshold"),
    ("ard", "batchtopk", "per_clip"),
    ("ard", "jumprelu", "threshold"),
]


@pytest.mark.parametrize("bias_mode", ["pre", "post", "none"])
@pytest.mark.parametrize(("name", "architecture", "inference"), ROUND_TRIPS)
def test_exported_sae_gives_the_same_codes_when_imported_again(
    tmp_path: Path, name: str, architecture: str, inference: str, bias_mode: str
) -> None:
    sae, x, lengths = native(architecture, bias_mode, inference), tokens(200), torch.tensor([120, 80])
    export_sae(sae, name, tmp_path / "out", layer=7)
    again = detect_format(tmp_path / "out").read(tmp_path / "out").build()
    before, after = sae.encode(x, lengths), again.encode(x, lengths)
    assert torch.equal(before.token, after.token)
    assert torch.equal(before.feature, after.feature)
    # where a layout knows one bias convention only, W_enc b_dec is moved into b_enc and rounds
    kept = bias_mode == "none" or name == "saelens" or bias_mode == ("post" if architecture == "jumprelu" else "pre")
    torch.testing.assert_close(after.value, before.value, rtol=0 if kept else 1e-5, atol=0 if kept else 1e-5)
    torch.testing.assert_close(again.reconstruct(x, lengths), sae.reconstruct(x, lengths), rtol=1e-5, atol=1e-5)


def test_export_of_per_vector_scaling_survives_through_saelens(tmp_path: Path) -> None:
    sae, x = native("topk", "pre", scaling="per_vector"), tokens()
    export_sae(sae, "saelens", tmp_path / "out")
    again = FORMATS.get("saelens").read(tmp_path / "out").build()
    torch.testing.assert_close(codes(again, x), codes(sae, x), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(again.reconstruct(x), sae.reconstruct(x), rtol=1e-5, atol=1e-5)


def test_export_folds_the_input_factor_of_a_running_training(tmp_path: Path) -> None:
    sae, x = native("batchtopk", "pre"), tokens()
    sae.input_factor = 3.0
    export_sae(sae, "dictionary_learning", tmp_path / "out")
    again = FORMATS.get("dictionary_learning").read(tmp_path / "out").build()
    torch.testing.assert_close(again.reconstruct(x), sae.reconstruct(x), rtol=1e-4, atol=1e-4)
    assert sae.input_factor == 3.0


@pytest.mark.parametrize(
    ("name", "architecture", "inference", "scaling"),
    [
        ("sparsify", "batchtopk", "threshold", "none"),
        ("sparsify", "topk", "threshold", "per_vector"),
        ("saelens", "batchtopk", "per_clip", "none"),
        ("dictionary_learning", "topk", "threshold", "per_vector"),
    ],
)
def test_export_that_the_layout_cannot_say_is_refused_and_writes_nothing(
    tmp_path: Path, name: str, architecture: str, inference: str, scaling: str
) -> None:
    with pytest.raises(ArdError):
        export_sae(native(architecture, "pre", inference, scaling), name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_export_without_relu_is_refused_by_every_other_library(tmp_path: Path) -> None:
    config = SaeConfig("topk", WIDTH, D, K, relu=False)
    for name in set(FORMATS) - {"ard"}:
        with pytest.raises(ArdError):
            export_sae(build(config), name, tmp_path / name)


def test_threshold_in_float32_keeps_every_comparison() -> None:
    threshold = torch.tensor([0.1, 1 / 3, 2.5], dtype=torch.float64)
    stored = Published(
        SaeConfig("jumprelu", 1, 3, 1), torch.ones(3, 1), torch.zeros(3), torch.ones(3, 1), torch.zeros(1), threshold
    ).threshold32()
    for value, exact in zip(stored, threshold, strict=True):
        around = [value, torch.nextafter(value, torch.tensor(9.0)), torch.nextafter(value, torch.tensor(-9.0))]
        assert [bool(a > value) for a in around] == [bool(a.double() > exact) for a in around]


def test_dictionary_learning_export_has_the_tensors_that_its_class_loads(tmp_path: Path) -> None:
    export_sae(native("batchtopk", "pre"), "dictionary_learning", tmp_path / "out", layer=2)
    state = torch.load(tmp_path / "out" / "ae.pt", weights_only=True)
    assert {n: tuple(t.shape) for n, t in state.items()} == {
        "k": (), "threshold": (), "decoder.weight": (WIDTH, D), "encoder.weight": (D, WIDTH),
        "encoder.bias": (D,), "b_dec": (WIDTH,),
    }  # fmt: skip
    trainer = json.loads((tmp_path / "out" / "config.json").read_text())["trainer"]
    assert (trainer["dict_class"], trainer["layer"], trainer["k"]) == ("BatchTopKSAE", 2, K)


def test_saelens_export_of_batchtopk_is_jumprelu_with_one_threshold(tmp_path: Path) -> None:
    sae = native("batchtopk", "pre")
    assert isinstance(sae, BatchTopK)
    export_sae(sae, "saelens", tmp_path / "out", layer=2)
    state = load_file(tmp_path / "out" / "sae_weights.safetensors")
    assert tuple(state["W_enc"].shape) == (WIDTH, D)
    assert torch.equal(state["threshold"], torch.full((D,), 0.75))
    assert json.loads((tmp_path / "out" / "cfg.json").read_text())["architecture"] == "jumprelu"
    assert FORMATS.get("saelens").read(tmp_path / "out").layer == 2
