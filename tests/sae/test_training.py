import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sae_builders import config, dictionary, sparse_batch, trainer

from backend.errors import ArdError
from backend.sae.base import build
from backend.sae.batchtopk import BatchTopK
from backend.sae.initial_bias import geometric_median
from backend.sae.metrics import Silence, evaluate

ARCHITECTURES = ["topk", "batchtopk", "jumprelu"]
TRUTH = dictionary(32, 16, seed=99)


def recovered(W_dec: torch.Tensor, truth: torch.Tensor) -> float:
    """Share of true directions that some feature matches with cosine > 0.9."""
    cosine = (truth @ W_dec.T) / W_dec.norm(dim=1)
    return float((cosine.max(1).values > 0.9).float().mean())


@pytest.mark.parametrize("architecture", ["topk", "batchtopk"])
def test_training_lowers_the_loss_and_recovers_the_true_directions(architecture):
    start = sparse_batch(TRUTH, 512, 0)
    run = trainer(config(architecture, k=2), start, steps=800, lr=3e-3, warmup_steps=20, decay_start=600)
    assert recovered(run.sae.W_dec, TRUTH) == 0
    run.step(start)
    first = run.metrics()["loss"]
    batches = [sparse_batch(TRUTH, 512, i) for i in range(1, 100)]
    for i in range(1, 800):
        if i == 700:
            run.metrics()
        run.step(batches[i % 99])
    last = run.metrics()
    assert last["loss"] < first / 3
    assert last["l0_mean"] <= 2
    assert recovered(run.finish().W_dec, TRUTH) > 0.75


def test_jumprelu_penalty_lowers_l0_at_a_small_cost_in_variance():
    start = sparse_batch(TRUTH, 256, 0)
    ends = {}
    for coefficient in (0.0, 0.05):
        settings_ = config("jumprelu", l0_coefficient=coefficient, l0_warmup_steps=100, bandwidth=0.05)
        run = trainer(settings_, start, steps=400, lr=3e-3)
        for i in range(400):
            run.step(sparse_batch(TRUTH, 256, i % 100))
        ends[coefficient] = evaluate(run.finish(), [start])
    assert ends[0.05]["l0_mean"] < 0.7 * ends[0.0]["l0_mean"]
    assert ends[0.05]["fvu"] < 0.3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_decoder_rows_have_unit_norm_after_three_steps(architecture):
    x = sparse_batch(TRUTH, 64, 0)
    run = trainer(config(architecture), x, lr=0.1)
    for _ in range(3):
        run.step(x)
    torch.testing.assert_close(run.sae.W_dec.norm(dim=1), torch.ones(64), rtol=0, atol=1e-6)


def test_free_decoder_rows_change_their_norm():
    x = sparse_batch(TRUTH, 64, 0)
    run = trainer(config(decoder_norm="free"), x, lr=0.1)
    run.step(x)
    assert (run.sae.W_dec.norm(dim=1) - 1).abs().max() > 1e-3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_one_step_equals_autograd_clipping_and_adam_of_pytorch(architecture):
    x = sparse_batch(TRUTH, 64, 0, offset=0.5)
    run = trainer(config(architecture, bias_init="zeros"), x, grad_clip=0.05, lr=0.01)
    twin = build(run.config)
    trained = [p for p in twin.parameters() if p.requires_grad]
    adam = torch.optim.Adam(trained, lr=0.01)
    for _ in range(3):
        step = twin.gradients(x, 64, run.step_number, run._means)
        gradient = step.parameters["W_dec"]
        gradient -= (gradient * twin.W_dec).sum(1, keepdim=True).detach() * twin.W_dec.detach()
        for name, parameter in twin.named_parameters():
            parameter.grad = step.parameters[name]
        torch.nn.utils.clip_grad_norm_(trained, 0.05)
        adam.step()
        with torch.no_grad():
            twin.W_dec /= twin.W_dec.norm(dim=1, keepdim=True)
        run.step(x)
    for name, parameter in twin.named_parameters():
        torch.testing.assert_close(getattr(run.sae, name), parameter, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("matmul", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_resume_is_bit_identical(architecture, matmul, tmp_path):
    from safetensors.torch import load_file, save_file

    settings_ = config(architecture, auxk_alpha=0.1, auxk_k=8, dead_tokens=300, input_scaling="mean_sq_norm")
    batches = [sparse_batch(TRUTH, 96, i, offset=1.0) for i in range(14)]
    whole = trainer(settings_, batches[0], matmul=matmul, warmup_steps=4, decay_start=9, steps=14)
    for x in batches:
        whole.step(x)

    half = trainer(settings_, batches[0], matmul=matmul, warmup_steps=4, decay_start=9, steps=14)
    for x in batches[:7]:
        half.step(x)
    save_file(half.state_dict(), tmp_path / "state.safetensors")
    again = trainer(settings_, batches[0], matmul=matmul, warmup_steps=4, decay_start=9, steps=14)
    again.load_state_dict(load_file(tmp_path / "state.safetensors"))
    for x in batches[7:]:
        again.step(x)
    left, right = whole.state_dict(), again.state_dict()
    assert left.keys() == right.keys()
    assert {n for n in left if not torch.equal(left[n], right[n])} == set()
    assert whole.metrics() == again.metrics()


def test_checkpoint_of_another_size_is_refused():
    x = sparse_batch(TRUTH, 32, 0)
    small, large = trainer(config(), x), trainer(config(n_features=128), x)
    small.step(x)
    with pytest.raises(ArdError, match="checkpoint does not fit"):
        large.load_state_dict(small.state_dict())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_stops_training_and_names_the_step(bad):
    x = sparse_batch(TRUTH, 32, 0)
    run = trainer(config(), x)
    run.step(x)
    before = run.sae.W_enc.clone()
    x[3, 2] = bad
    with pytest.raises(ArdError, match="step 1"):
        run.step(x)
    assert torch.equal(run.sae.W_enc, before)


def test_activations_of_another_width_are_refused():
    x = sparse_batch(TRUTH, 32, 0)
    with pytest.raises(ArdError, match="width 16"):
        trainer(config(), x).step(x[:, :8])


def test_all_zero_activations_cannot_be_scaled():
    with pytest.raises(ArdError, match="all zero"):
        trainer(config(input_scaling="mean_sq_norm"), torch.zeros(8, 16))


def test_auxk_brings_dead_features_back():
    x = [sparse_batch(TRUTH, 512, i) for i in range(100)]
    ends = {}
    for alpha in (0.0, 1.0):
        run = trainer(config(k=2, auxk_alpha=alpha, auxk_k=16, dead_tokens=5120), x[0], lr=3e-3, steps=400)
        with torch.no_grad():
            run.sae.b_enc[:40] = -1.6
        for i in range(400):
            run.step(x[i % 100])
        ends[alpha] = run.metrics()["alive"]
    assert ends[0.0] < 35
    assert ends[1.0] > 45


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_folding_keeps_the_reconstruction_and_folds_once(architecture):
    x = sparse_batch(TRUTH, 128, 0, offset=3.0)
    run = trainer(config(architecture, input_scaling="mean_sq_norm"), x)
    for _ in range(8):
        run.step(x)
    folded = run.finish()
    assert run.sae.input_factor > 3
    assert folded.input_factor == 1.0
    torch.testing.assert_close(folded.pre_acts(x), run.sae.pre_acts(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(folded.reconstruct(x), run.sae.reconstruct(x), rtol=1e-4, atol=1e-4)
    before = {n: t.clone() for n, t in folded.state_dict().items()}
    folded.fold_input_factor()
    assert all(torch.equal(before[n], t) for n, t in folded.state_dict().items())


def test_mean_square_scaling_trains_as_scaled_data_would():
    x = sparse_batch(TRUTH, 64, 0, offset=2.0)
    scaled = trainer(config("batchtopk", input_scaling="mean_sq_norm"), x)
    factor = scaled.sae.input_factor
    plain = trainer(config("batchtopk", input_scaling="none"), x / factor)
    for _ in range(10):
        scaled.step(x)
        plain.step(x / factor)
    torch.testing.assert_close(scaled.sae.W_dec, plain.sae.W_dec)
    torch.testing.assert_close(scaled.finish().threshold, plain.finish().threshold * factor)


def test_per_vector_scaling_returns_the_reconstruction_in_the_scale_of_x():
    x = sparse_batch(TRUTH, 256, 0)
    x = x[x.norm(dim=1) > 0]
    run = trainer(config("topk", input_scaling="per_vector", k=2), x, lr=3e-3)
    for _ in range(300):
        run.step(x)
    sae = run.finish()
    torch.testing.assert_close(sae.reconstruct(7 * x), 7 * sae.reconstruct(x), rtol=1e-4, atol=1e-4)
    assert evaluate(sae, [x])["fvu"] < 0.5


def test_bias_starts_at_the_geometric_median_of_the_first_batch():
    x = torch.randn(64, 16, generator=torch.Generator().manual_seed(0)) + 4
    x[0] = 1e4
    run = trainer(config(), x, lr=0.0)
    run.step(x)
    median = run.sae.b_dec
    assert (median - 4).abs().max() < 0.6  # the outlier would pull the mean to 160
    directions = (x - median) / (x - median).norm(dim=1, keepdim=True)
    assert directions.mean(0).norm() < 1e-3  # optimality condition of the geometric median


def test_geometric_median_of_a_point_mass_is_that_point():
    torch.testing.assert_close(geometric_median(torch.tensor([[1.0, 2.0]] * 5)), torch.tensor([1.0, 2.0]))


def test_bias_stays_zero_without_one():
    x = sparse_batch(TRUTH, 64, 0, offset=1.0)
    run = trainer(config(bias_mode="none"), x)
    for _ in range(3):
        run.step(x)
    assert run.finish().b_dec.abs().max() == 0


def test_threshold_follows_the_latest_batch_before_its_start_and_averages_after():
    sae = build(config("batchtopk", threshold_start=2, threshold_beta=0.9))
    assert isinstance(sae, BatchTopK)
    seen = []
    for step, smallest in enumerate([4.0, 2.0, 1.0, float("inf")]):
        sae.update_threshold(torch.tensor(smallest), step)
        seen.append(float(sae.threshold))
    assert seen == pytest.approx([4.0, 2.0, 1.9, 1.9])


def test_an_untrained_batchtopk_says_that_it_has_no_threshold_and_calibration_gives_it_one():
    x = sparse_batch(TRUTH, 512, 0)
    sae = build(config("batchtopk"))
    assert isinstance(sae, BatchTopK)
    with pytest.raises(ArdError, match="no inference threshold"):
        sae.encode(x)
    sae.calibrate(x.split(128))
    assert sae.encode(x).feature.numel() == pytest.approx(4 * 512, rel=0.1)


def test_per_clip_inference_keeps_k_times_tokens_in_every_clip():
    x = torch.randn(30, 16, generator=torch.Generator().manual_seed(0))
    sae = build(config("batchtopk", inference="per_clip"))
    codes = sae.encode(x, torch.tensor([10, 0, 15, 5]))
    counts = torch.bincount(codes.token, minlength=30)
    assert [int(part.sum()) for part in counts.split([10, 15, 5])] == [40, 60, 20]
    alone = sae.encode(x[10:25])
    inside = (codes.token >= 10) & (codes.token < 25)
    assert torch.equal(codes.feature[inside], alone.feature)
    with pytest.raises(ArdError, match="do not fit"):
        sae.encode(x, torch.tensor([10, 10]))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_codes_are_ordered_without_zeros_and_survive_an_empty_batch(architecture):
    sae = build(config(architecture, inference="per_clip"))
    codes = sae.encode(torch.randn(20, 16, generator=torch.Generator().manual_seed(0)))
    key = codes.token * codes.n_features + codes.feature
    assert (key.diff() > 0).all()
    assert (codes.value != 0).all()
    empty = sae.encode(torch.zeros(0, 16))
    assert empty.n_tokens == 0
    assert sae.decode(empty).shape == (0, 16)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(0, 100))
def test_metrics_do_not_depend_on_how_the_tokens_are_cut_into_batches(lengths, seed):
    x = torch.randn(sum(lengths), 16, generator=torch.Generator().manual_seed(seed)) + 3
    sae = build(config())
    whole, cut = evaluate(sae, [x]), evaluate(sae, x.split(lengths))
    assert whole == pytest.approx(cut, rel=1e-6)


def test_silence_counts_tokens_and_dead_features_carry_their_window():
    silence = Silence(3, torch.device("cpu"))
    silence.add(torch.tensor([1.0, 0.0, 0.0]), 10)
    silence.add(torch.tensor([0.0, 2.0, 0.0]), 5)
    assert silence.tokens_since.tolist() == [5, 0, 15]
    assert silence.dead(15).tolist() == [2]
    assert silence.values(5) == {"dead_share": pytest.approx(2 / 3), "alive": 1.0, "dead_window": 5.0}
