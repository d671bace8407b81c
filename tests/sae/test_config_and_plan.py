import pytest
import torch
from sae_builders import config

from backend.errors import ArdError
from backend.sae.config import SaeConfig, configs, sae_id
from backend.sae.jumprelu import l0_coefficient
from backend.sae.plan import TrainPlan, default_lr
from backend.study.settings import SaeSection, TrainSection, default_k


def test_nine_saes_of_the_paper_come_from_one_section():
    section = SaeSection(architecture=["topk"], expansion=[4, 8, 16], k=[250])
    sizes = [c.n_features for _ in range(3) for c in configs(section, 4096)]
    assert sizes == [16384, 32768, 65536] * 3


@pytest.mark.parametrize(("n_features", "k"), [(32768, 262), (3072, 25), (1024, 16), (8, 8)])
def test_default_k_is_at_least_16_or_eight_per_mille(n_features, k):
    assert default_k(n_features) == k


def test_default_learning_rate_of_32768_features():
    assert default_lr(32768) == pytest.approx(1.4142e-4, rel=1e-4)


def test_learning_rate_of_s12():
    plan = TrainPlan(steps=200_000, batch_tokens=2500, lr=2e-4, decay_start=160_000)
    assert plan.lr_at(0) == 2e-4
    assert plan.lr_at(160_000) == pytest.approx(2e-4)
    assert plan.lr_at(180_000) == pytest.approx(1e-4)
    assert plan.lr_at(200_000) == 0


def test_warm_up_rises_to_the_full_rate():
    plan = TrainPlan(steps=100, batch_tokens=1, lr=1.0, warmup_steps=4)
    assert [plan.lr_at(step) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]


def test_steps_follow_from_epochs_and_shares_of_them():
    section = TrainSection(epochs=10, batch_tokens=100, warmup=0.05, decay=0.2, matmul="bfloat16", decode="dense")
    plan = TrainPlan.resolve(section, config(), stored_tokens=2000, device=torch.device("cpu"))
    assert (plan.steps, plan.warmup_steps, plan.decay_start) == (200, 10, 160)
    assert (plan.matmul, plan.decode) == ("bfloat16", "dense")
    with pytest.raises(ArdError, match=r"train\.steps"):
        TrainPlan.resolve(section, config(), stored_tokens=None, device=torch.device("cpu"))


def test_automatic_arithmetic_is_the_same_at_every_start():
    plans = [
        TrainPlan.resolve(TrainSection(steps=5), config(), stored_tokens=None, device=torch.device("cpu"))
        for _ in range(2)
    ]
    assert plans[0] == plans[1]
    assert plans[0].decode == "gather"


def test_l0_coefficient_warms_up_linearly():
    settings = config("jumprelu", l0_coefficient=2.0, l0_warmup_steps=10)
    assert [l0_coefficient(settings, step) for step in (0, 5, 10, 20)] == [0, 1, 2, 2]


def test_config_survives_json_and_refuses_what_it_does_not_know():
    original = config("batchtopk", auxk_alpha=1 / 32)
    values = original.to_json()
    assert SaeConfig.from_json(values) == original
    with pytest.raises(ArdError, match="colour"):
        SaeConfig.from_json({**values, "colour": "red"})
    with pytest.raises(ArdError, match="format 99"):
        SaeConfig.from_json({**values, "format": 99})


def test_k_larger_than_the_dictionary_is_refused():
    with pytest.raises(ArdError, match=r"sae\.k"):
        config(k=65)


def test_sae_id_names_layer_architecture_expansion_k_and_seed():
    assert sae_id("encoder.3", config("batchtopk", d=384, n_features=3072, k=25)) == "encoder.3-batchtopk-e8-k25-s0"
