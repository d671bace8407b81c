"""O-1, O-10 and O-12 of the requirements, with the printed numbers."""

import pytest
import torch
from sae_builders import config, oracle_sae

from backend.sae.base import build
from backend.sae.batchtopk import BatchTopK
from backend.sae.metrics import evaluate
from backend.sae.step import Means


@pytest.mark.parametrize(
    ("x", "k", "relu", "z", "x_hat"),
    [
        ((2, 1), 2, True, (2, 1, 0, 0), (2, 1)),
        ((2, 1), 2, False, (2, 1, 0, 0), (2, 1)),
        ((2, 1), 3, True, (2, 1, 0, 0), (2, 1)),
        ((2, 1), 3, False, (2, 1, 0, -1), (2, 2)),
        ((-1, -2), 2, True, (0, 0, 0.5, 2), (-0.5, -2)),
        ((-1, -2), 2, False, (0, 0, 0.5, 2), (-0.5, -2)),
        ((-1, -2), 3, False, (-1, 0, 0.5, 2), (-1.5, -2)),
    ],
)
def test_topk_codes_of_o1(x, k, relu, z, x_hat):
    sae = oracle_sae(k=k, relu=relu)
    codes = sae.encode(torch.tensor([x], dtype=torch.float32))
    assert codes.dense()[0].tolist() == pytest.approx(z)
    assert sae.decode(codes)[0].tolist() == pytest.approx(x_hat)


def test_pre_activations_of_o1():
    assert oracle_sae().pre_acts(torch.tensor([[2.0, 1.0]]))[0].tolist() == [2, 1, -2.5, -1]


def test_loss_and_fvu_of_o1():
    x = torch.tensor([[2.0, 1.0], [-1.0, -2.0], [0.0, 0.0]])
    sae = oracle_sae()
    step = sae.gradients(x, 3, 0, Means())
    assert float(step.loss) == pytest.approx(0.0833333, abs=1e-7)
    assert float(step.squared_error.sum()) / x.numel() == pytest.approx(0.0416667, abs=1e-7)
    values = evaluate(sae, [x[:1], x[1:]])
    assert values["fvu"] == pytest.approx(0.0267857, abs=1e-7)
    assert values["explained_variance"] == pytest.approx(1 - 0.0267857, abs=1e-7)
    assert values["l2"] == pytest.approx(0.0833333, abs=1e-7)


def test_pre_bias_of_o1():
    sae = oracle_sae(bias_mode="pre")
    with torch.no_grad():
        sae.b_dec.fill_(1.0)
    x = torch.tensor([[2.0, 1.0]])
    assert sae.pre_acts(x)[0].tolist() == [1, 0, -1.5, 0]
    codes = sae.encode(x)
    assert codes.dense()[0].tolist() == [1, 0, 0, 0]
    assert sae.decode(codes)[0].tolist() == [2, 1]


def identity_batchtopk() -> BatchTopK:
    """A BatchTopK whose pre-activations are its input."""
    sae = build(config("batchtopk", d=3, n_features=3, k=1, bias_mode="none", threshold_start=0))
    assert isinstance(sae, BatchTopK)
    sae.load_state_dict({**sae.state_dict(), "W_enc": torch.eye(3), "W_dec": torch.eye(3)})
    return sae


def test_batchtopk_selection_and_threshold_of_o10():
    sae = identity_batchtopk()
    first = torch.tensor([[5.0, 4.0, 0.0], [1.0, 0.0, 0.5]])
    second = torch.tensor([[2.0, 0.0, 0.0], [3.0, 1.0, 0.0]])
    step = sae.gradients(first, 2, 0, Means())
    assert (first + step.residual).tolist() == [[5, 4, 0], [0, 0, 0]]
    assert step.l0.tolist() == [2, 0]
    assert float(step.smallest) == 4
    sae.update_threshold(step.smallest, 0)
    assert float(sae.threshold) == 4

    codes = sae.encode(first)
    assert codes.dense().tolist() == [[5, 0, 0], [0, 0, 0]]  # strict: 4 is not above 4

    step = sae.gradients(second, 2, 1, Means())
    assert (second + step.residual).tolist() == [[2, 0, 0], [3, 0, 0]]
    assert float(step.smallest) == 2
    sae.update_threshold(step.smallest, 1)
    assert float(sae.threshold) == pytest.approx(3.998, abs=1e-6)
    assert sae.encode(first).dense().tolist() == [[5, 4, 0], [0, 0, 0]]


def test_per_vector_and_mean_square_scaling_of_o12():
    x = torch.tensor([[3.0, 4.0], [0.0, 10.0]])
    per_vector = build(config(d=2, n_features=4, k=2, input_scaling="per_vector"))
    scaled, norms = per_vector.scale(x)
    assert scaled.tolist() == [pytest.approx([0.6, 0.8]), [0, 1]]
    assert norms[:, 0].tolist() == [5, 10]

    from backend.sae.plan import DataStatistics, TrainPlan
    from backend.sae.trainer import SaeTrainer

    settings = config(d=2, n_features=4, k=2, input_scaling="mean_sq_norm")
    statistics = DataStatistics(x.mean(0), float(x.square().sum(1).mean()), 7.5)
    sae = SaeTrainer(settings, TrainPlan(1, 2, 1e-3), statistics=statistics).sae
    assert sae.input_factor == pytest.approx(7.9056942, abs=1e-7)
    scaled, norms = sae.scale(x)
    assert norms is None
    assert scaled.flatten().tolist() == pytest.approx([0.3794733, 0.5059644, 0, 1.2649111], abs=1e-7)
