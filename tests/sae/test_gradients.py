"""The written-out gradients against autograd of the dense equations."""

import pytest
import torch
from sae_builders import config, dense_code, perturbed
from torch import Tensor

from backend.sae.auxk import add_auxk
from backend.sae.base import Sae, build
from backend.sae.jumprelu import JumpReLU, jumprelu_gradients
from backend.sae.selective import SelectiveSae
from backend.sae.step import Means

X = torch.randn(24, 16, generator=torch.Generator().manual_seed(5))


def dense_loss(sae: Sae, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, reconstruction and pre-activations, written as the papers do."""
    c = sae.config
    a = sae.center(x) @ sae.W_enc.T + sae.b_enc
    z = dense_code(a, c.k, c.relu, c.architecture == "batchtopk")
    x_hat = z @ sae.W_dec + sae.b_dec
    return (x - x_hat).square().sum(1).mean(), x_hat, a


def autograd(sae: Sae, loss: Tensor) -> dict[str, Tensor]:
    trained = {n: p for n, p in sae.named_parameters() if p.requires_grad}
    return dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))


@pytest.mark.parametrize("decode", ["gather", "dense"])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("bias_mode", ["none", "post", "pre"])
@pytest.mark.parametrize("architecture", ["topk", "batchtopk"])
def test_sparse_gradients_equal_autograd_of_the_dense_equations(architecture, bias_mode, relu, decode):
    sae = perturbed(build(config(architecture, bias_mode=bias_mode, relu=relu, k=9)))
    loss, x_hat, _ = dense_loss(sae, X)
    expected = autograd(sae, loss)
    with torch.no_grad():
        step = sae.gradients(X, X.shape[0], 0, Means(decode=decode))
    assert set(step.parameters) == set(expected)
    torch.testing.assert_close(step.loss, loss.detach())
    torch.testing.assert_close(X + step.residual, x_hat.detach())
    for name, gradient in expected.items():
        torch.testing.assert_close(step.parameters[name], gradient, msg=lambda m, n=name: f"{n}: {m}")
    torch.testing.assert_close(step.decoder_dots, (expected["W_dec"] * sae.W_dec).sum(1).detach(), rtol=1e-4, atol=1e-6)


def test_bfloat16_products_stay_near_the_float32_gradients():
    sae = perturbed(build(config("topk", d=64, n_features=256, k=8)))
    x = torch.randn(512, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        exact = sae.gradients(x, 512, 0, Means("float32"))
        rounded = sae.gradients(x, 512, 0, Means("bfloat16"))
    assert float(rounded.loss) == pytest.approx(float(exact.loss), rel=5e-3)
    for name, gradient in exact.parameters.items():
        assert rounded.parameters[name].dtype == torch.float32
        cosine = torch.cosine_similarity(rounded.parameters[name].flatten(), gradient.flatten(), dim=0)
        assert cosine > 0.99, name


class _StraightThrough(torch.autograd.Function):
    """Rectangle-kernel derivatives of z = a·H(a − θ) and of H(a − θ), as S-09 states them."""

    @staticmethod
    def forward(ctx, a, theta, epsilon):
        ctx.save_for_backward(a, theta)
        ctx.epsilon = epsilon
        active = (a > theta).float()
        return a * active, active

    @staticmethod
    def backward(ctx, by_z, by_active):
        a, theta = ctx.saved_tensors
        kernel = ((a - theta).abs() < ctx.epsilon / 2).float() / ctx.epsilon
        return by_z * (a > theta), (-(by_z * theta + by_active) * kernel).sum(0), None


@pytest.mark.parametrize("bias_mode", ["none", "pre"])
def test_jumprelu_gradients_equal_autograd_with_straight_through_steps(bias_mode):
    sae = build(config("jumprelu", bias_mode=bias_mode, bandwidth=0.4))
    assert isinstance(sae, JumpReLU)
    perturbed(sae)
    a = sae.center(X) @ sae.W_enc.T + sae.b_enc
    z, active = _StraightThrough.apply(a, sae.threshold, 0.4)
    x_hat = z @ sae.W_dec + sae.b_dec
    loss = (X - x_hat).square().sum(1).mean() + 0.03 * active.sum(1).mean()
    expected = autograd(sae, loss)
    assert expected["log_threshold"].abs().max() > 0
    with torch.no_grad():
        step = jumprelu_gradients(sae, X, X.shape[0], 0.03, Means())
    torch.testing.assert_close(step.loss, loss.detach())
    for name, gradient in expected.items():
        torch.testing.assert_close(step.parameters[name], gradient, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("k_aux", [2, 8])
@pytest.mark.parametrize("bias_mode", ["none", "pre"])
def test_auxk_gradients_equal_autograd_and_reach_dead_features_only(bias_mode, k_aux):
    sae = perturbed(build(config("topk", bias_mode=bias_mode, auxk_alpha=0.5, auxk_k=k_aux)))
    assert isinstance(sae, SelectiveSae)
    dead = torch.tensor([3, 11, 12, 40, 63])
    _, x_hat, a = dense_loss(sae, X)
    e = (X - x_hat).detach()
    z = dense_code(a[:, dead], min(k_aux, 5), relu=True, over_batch=False)
    e_hat = z @ sae.W_dec[dead]  # no bias
    variance = (e - e.mean(0)).square().sum()
    loss = 0.5 * min(5 / k_aux, 1) * (e - e_hat).square().sum() / variance
    trained = [sae.W_dec, sae.W_enc, sae.b_enc]
    extra = dict(zip(["W_dec", "W_enc", "b_enc"], torch.autograd.grad(loss, trained), strict=True))

    with torch.no_grad():
        step = sae.gradients(X, X.shape[0], 0, Means())
        before = {n: g.clone() for n, g in step.parameters.items()}
        dots = step.decoder_dots.clone()
        share = add_auxk(step, sae, X, dead, Means())
    torch.testing.assert_close(share, loss.detach())
    living = torch.ones(64, dtype=torch.bool)
    living[dead] = False
    for name, gradient in extra.items():
        added = step.parameters[name] - before[name]
        torch.testing.assert_close(added, gradient, rtol=1e-4, atol=1e-6)
        assert added[living].abs().max() == 0
        assert added[dead].abs().max() > 0
    if bias_mode == "pre":
        torch.testing.assert_close(step.parameters["b_dec"], before["b_dec"], rtol=0, atol=0)
    aligned = (extra["W_dec"] * sae.W_dec.detach()).sum(1)
    torch.testing.assert_close(step.decoder_dots - dots, aligned, rtol=1e-3, atol=1e-6)
