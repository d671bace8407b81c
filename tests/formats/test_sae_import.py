"""A published SAE is believed only after it reconstructed real activations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.base import Sae
from backend.sae.config import SaeConfig
from backend.sae.files import load_sae
from backend.sae.formats.exchange import activation_sample, export_sae, import_sae
from backend.sae.formats.published import Published
from backend.sae.formats.verify import input_factors, measure, verify
from backend.sae.plan import DataStatistics, TrainPlan
from backend.sae.trainer import SaeTrainer
from backend.store.activations import ActivationStore, write_shard
from backend.study.atomic import write_json
from backend.study.manifest import read_manifest

WIDTH, FEATURES = 8, 32


def stream(n: int, seed: int) -> Tensor:
    """Two of sixteen directions per token, an offset like that of a residual stream, and a scale far from 1."""
    g = torch.Generator().manual_seed(seed)
    directions = torch.nn.functional.normalize(
        torch.randn(16, WIDTH, generator=torch.Generator().manual_seed(9)), dim=1
    )
    z = torch.zeros(n, 16)
    z.scatter_(1, torch.rand(n, 16, generator=g).topk(2).indices, 1 + torch.rand(n, 2, generator=g))
    return 30 * (z @ directions + 1.5)


def trained(architecture: str, **config: object) -> Sae:
    x = stream(2048, 1)
    statistics = DataStatistics(x.mean(0), float(x.square().sum(1).mean()), float(x.norm(dim=1).median()))
    plan = TrainPlan(steps=250, batch_tokens=256, lr=3e-3)
    k = {"k": 2} | config
    trainer = SaeTrainer(
        SaeConfig(architecture, WIDTH, FEATURES, **({"input_scaling": "mean_sq_norm", "threshold_start": 50} | k)),  # type: ignore[arg-type]
        plan,
        statistics=statistics,
    )
    for step in range(plan.steps):
        trainer.step(x[(step * 256) % 2048 :][:256])
    return trainer.finish()


@pytest.fixture(scope="module")
def topk() -> Sae:
    return trained("topk")


@pytest.fixture(scope="module")
def batchtopk() -> Sae:
    return trained("batchtopk")


def test_mean_square_factor_is_that_of_oracle_12() -> None:
    x = torch.tensor([[3.0, 4.0], [0.0, 10.0]])
    factors = input_factors(x)
    assert factors["mean_sq_norm"] == pytest.approx(7.9056942)
    torch.testing.assert_close(
        x / factors["mean_sq_norm"], torch.tensor([[0.3794733, 0.5059644], [0.0, 1.2649111]]), atol=1e-6, rtol=0
    )
    assert factors["mean_norm"] == pytest.approx(7.5 / 2**0.5)


def test_declared_convention_is_kept_where_it_reconstructs(topk: Sae) -> None:
    x = stream(1000, 2)
    found = verify(topk, x)
    assert (found.chosen.bias_mode, found.chosen.input_scaling) == ("pre", "none")
    assert found.chosen == found.declared
    assert found.chosen.fvu < 0.3
    assert len(found.tried) == 12
    x_hat = topk.reconstruct(x)
    by_hand = (x - x_hat).square().sum() / (x - x.mean(0)).square().sum()
    assert found.chosen.fvu == pytest.approx(float(by_hand), rel=1e-4)


def test_wrongly_declared_bias_convention_is_found_and_reported(topk: Sae) -> None:
    x = stream(1000, 2)
    honest = verify(topk, x)
    found = verify(Published.of(topk).reconfigured(bias_mode="post"), x)
    assert (found.declared.bias_mode, found.chosen.bias_mode) == ("post", "pre")
    assert found.chosen.fvu == pytest.approx(honest.chosen.fvu, rel=1e-6)
    assert "bias_mode pre" in found.warnings[0]


def test_unfolded_input_scaling_is_found_and_folded(tmp_path: Path, batchtopk: Sae) -> None:
    x = stream(1000, 2)
    factor = input_factors(x)["mean_sq_norm"]
    unfolded = Published.of(batchtopk).scaled(1 / factor).build()
    export_sae(unfolded, "dictionary_learning", tmp_path / "published")
    found = import_sae(tmp_path / "published", tmp_path / "sae", x, layer="encoder.3")
    assert found.chosen.input_scaling == "mean_sq_norm"
    assert found.chosen.fvu < found.declared.fvu
    again = load_sae(tmp_path / "sae")
    torch.testing.assert_close(again.reconstruct(x), batchtopk.reconstruct(x), rtol=1e-3, atol=1e-2)


def test_sae_of_another_stream_is_refused_and_leaves_nothing(tmp_path: Path, topk: Sae) -> None:
    export_sae(topk, "sparsify", tmp_path / "published")
    noise = torch.randn(500, WIDTH, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 40, WIDTH)
    turned = noise.flip(1) * torch.tensor([1.0, -1.0]).repeat(WIDTH // 2) - 500
    with pytest.raises(ArdError, match="does not reconstruct"):
        import_sae(tmp_path / "published", tmp_path / "sae", turned, layer="encoder.3")
    assert not (tmp_path / "sae").exists()


def test_width_that_does_not_fit_names_both_widths(topk: Sae) -> None:
    with pytest.raises(ArdError, match=r"width 8, the activations have width 5"):
        verify(topk, torch.randn(10, 5))
    with pytest.raises(ArdError, match="do not vary"):
        verify(topk, torch.ones(10, WIDTH))


def test_number_of_active_features_far_from_k_is_warned_of(batchtopk: Sae) -> None:
    low = Published.of(batchtopk)
    assert low.threshold is not None
    wide_open = verify(Published(**{**vars(low), "threshold": low.threshold * 0}), stream(1000, 2))
    assert any("active per token where k = 2" in warning for warning in wide_open.warnings)


@pytest.mark.parametrize("name", ["dictionary_learning", "saelens", "sparsify"])
def test_imported_folder_is_an_sae_of_the_study_with_its_provenance(tmp_path: Path, name: str, topk: Sae) -> None:
    x = stream(1000, 2)
    source, folder = tmp_path / "published", tmp_path / "saes" / "encoder.3-imported"
    export_sae(topk, name, source)
    found = import_sae(source, folder, x, layer="encoder.3")
    again = load_sae(folder)
    before, after = topk.encode(x), again.encode(x)
    assert torch.equal(before.feature, after.feature)
    assert torch.equal(before.value, after.value)
    manifest = read_manifest(folder / "manifest.json")
    assert (manifest["stage"], manifest["settings"]["format"], manifest["settings"]["layer"]) == (
        "import", name, "encoder.3",
    )  # fmt: skip
    assert len(manifest["inputs"]["source_hash"]) == 16
    assert manifest["figures"]["verification"]["tried"][0]["fvu"] == found.tried[0].fvu
    assert manifest["outputs"]["weights_hash"] == json.loads((folder / "config.json").read_text())["weights_hash"]


def test_import_of_a_changed_source_has_another_fingerprint(tmp_path: Path, topk: Sae, batchtopk: Sae) -> None:
    x = stream(500, 2)
    prints = []
    for sae in (topk, topk, batchtopk):
        export_sae(sae, "dictionary_learning", tmp_path / "published")
        import_sae(tmp_path / "published", tmp_path / "sae", x, layer="encoder.3")
        prints.append(read_manifest(tmp_path / "sae" / "manifest.json")["fingerprint"])
    assert prints[0] == prints[1] != prints[2]


def test_per_clip_selection_is_measured_clip_by_clip(tmp_path: Path, batchtopk: Sae) -> None:
    x, lengths = stream(600, 3), torch.tensor([100, 0, 350, 150])
    per_clip = Published.of(batchtopk).reconfigured(inference="per_clip").build()
    rows = [per_clip.reconstruct(part) for part in x.split(lengths.tolist()) if len(part)]
    expected = (x - torch.cat(rows)).square().sum() / (x - x.mean(0)).square().sum()
    fvu, l0 = measure(per_clip, x, lengths)
    assert fvu == pytest.approx(float(expected), rel=1e-4)
    assert l0 == pytest.approx(2.0, abs=1e-6)
    export_sae(per_clip, "dictionary_learning", tmp_path / "layer_4")
    found = import_sae(tmp_path / "layer_4", tmp_path / "sae", x, layer="encoder.3", clip_lengths=lengths)
    assert found.declared.fvu == pytest.approx(fvu)


def activation_store(folder: Path, lengths: list[list[int]]) -> tuple[ActivationStore, Tensor]:
    import numpy as np

    folder.mkdir()
    x = stream(sum(map(sum, lengths)), 4)
    first = clip = 0
    for number, shard in enumerate(lengths):
        rows = x[first : first + sum(shard)].numpy()
        table = np.arange(clip, clip + len(shard))
        write_shard(folder / f"shard-{number:05d}.h5", rows, table, np.array(shard), dtype="float32")
        first, clip = first + sum(shard), clip + len(shard)
    np.savez(folder / "statistics.npz", mean=x.mean(0).double().numpy(), mean_square_norm=1.0, median_norm=1.0)
    write_json(
        folder / "manifest.json",
        {
            "fingerprint": "f",
            "settings": {"layer": "encoder.3"},
            "outputs": {
                "shards": [f"shard-{n:05d}.h5" for n in range(len(lengths))], "d": WIDTH, "seconds_per_token": 0.02,
            },
        },
    )  # fmt: skip
    return ActivationStore(folder), x


def test_sample_for_verification_is_of_whole_clips_across_all_shards(tmp_path: Path) -> None:
    store, x = activation_store(tmp_path / "a", [[10, 0, 20], [30, 40], [0, 50]])
    everything, lengths = activation_sample(store, tokens=10_000)
    assert lengths.tolist() == [10, 20, 30, 40, 50]
    assert torch.equal(everything, x)
    part, lengths = activation_sample(store, tokens=90)
    assert lengths.tolist() == [10, 30, 50]
    assert torch.equal(part, torch.cat([x[:10], x[30:60], x[100:150]]))
