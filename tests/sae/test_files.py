import json

import pytest
import torch
from sae_builders import config, dictionary, perturbed, sparse_batch, trainer

from backend.errors import ArdError
from backend.sae.base import build
from backend.sae.files import load_sae, save_sae, weights_hash

X = sparse_batch(dictionary(32, 16, seed=99), 64, 0, offset=2.0)


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("architecture", ["topk", "batchtopk", "jumprelu"])
def test_a_saved_sae_gives_the_same_codes_folded_or_not(architecture, finished, tmp_path):
    run = trainer(config(architecture, input_scaling="mean_sq_norm"), X)
    for _ in range(8):
        run.step(X)
    sae = run.finish() if finished else run.sae
    identity = save_sae(tmp_path / "sae", sae)
    again = load_sae(tmp_path / "sae")
    assert again.input_factor == sae.input_factor
    assert again.config == sae.config
    assert weights_hash(again) == identity
    before, after = sae.encode(X), again.encode(X)
    assert torch.equal(before.dense(), after.dense())
    assert torch.equal(sae.decode(before), again.decode(after))


def test_the_hash_changes_with_any_weight():
    sae = build(config())
    before = weights_hash(sae)
    with torch.no_grad():
        sae.b_dec[3] += 1e-6
    assert weights_hash(sae) != before


def test_initialisation_depends_on_the_seed_alone():
    torch.manual_seed(1)
    first = weights_hash(build(config(seed=4)))
    torch.manual_seed(2)
    assert weights_hash(build(config(seed=4))) == first
    assert weights_hash(build(config(seed=5))) != first


def test_the_encoder_starts_as_the_unit_norm_decoder():
    sae = build(config())
    assert torch.equal(sae.W_enc, sae.W_dec)
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(64))
    assert sae.b_enc.abs().max() == 0


def test_damaged_missing_and_ill_fitting_weights_are_told_apart(tmp_path):
    folder = tmp_path / "sae"
    save_sae(folder, perturbed(build(config())))
    with pytest.raises(ArdError, match="missing"):
        load_sae(tmp_path / "nowhere")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "n_features": 128}))
    with pytest.raises(ArdError, match="do not fit"):
        load_sae(folder)
    (folder / "config.json").write_text(json.dumps(values))
    whole = (folder / "sae.safetensors").read_bytes()
    (folder / "sae.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArdError, match="damaged"):
        load_sae(folder)
    (folder / "sae.safetensors").unlink()
    with pytest.raises(ArdError, match="weights are missing"):
        load_sae(folder)
