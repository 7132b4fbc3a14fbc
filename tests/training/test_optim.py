from __future__ import annotations

import pytest
import torch
from torch import nn

from training.networks import build_generator
from training.optim import Muon, generator_optimizers, orthogonalize, set_learning_rate


def test_orthogonalizing_levels_the_singular_values() -> None:
    matrix = torch.randn(2, 16, 40) * torch.logspace(0, -1, 16)[:, None]
    before, after = (torch.linalg.svdvals(each) for each in (matrix[0], orthogonalize(matrix)[0]))
    assert before.max() / before.min() > 5
    assert float(after.min()) > 0.5
    assert float(after.max()) < 1.3


def test_orthogonalizing_keeps_the_directions() -> None:
    u, _ = torch.linalg.qr(torch.randn(8, 8))
    v, _ = torch.linalg.qr(torch.randn(8, 8))
    matrix = u @ torch.diag(torch.linspace(1.0, 0.3, 8)) @ v
    overlap = u.T @ orthogonalize(matrix[None])[0] @ v.T  # diagonal, if the singular vectors are kept
    off = overlap - torch.diag(torch.diagonal(overlap))
    assert float(off.abs().max()) < 0.05
    assert float(torch.diagonal(overlap).min()) > 0.5


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (64, 2, 1, 1)])
def test_a_step_is_as_long_as_the_rate_says_whatever_the_gradient(shape: tuple[int, ...]) -> None:
    for scale in (1e-4, 1e4):
        kernel = nn.Parameter(torch.zeros(shape))
        torch.manual_seed(0)
        kernel.grad = scale * torch.randn(shape)
        Muon([kernel], lr=0.01).step()
        rows, columns = shape[0], kernel[0].numel()
        values = torch.linalg.svdvals(kernel.detach().flatten(1)) / (0.01 * max(1.0, rows / columns) ** 0.5)
        assert float(values.min()) > 0.5
        assert float(values.max()) < 1.3


def test_momentum_carries_on_and_is_saved() -> None:
    kernel = nn.Parameter(torch.zeros(4, 4, 3, 3))
    optimizer = Muon([kernel], lr=0.01)
    kernel.grad = torch.randn_like(kernel)
    optimizer.step()
    buffer = optimizer.state[kernel]["momentum"].clone()
    torch.testing.assert_close(buffer, 0.05 * kernel.grad)
    other = Muon([kernel], lr=0.01)
    other.load_state_dict(optimizer.state_dict())
    torch.testing.assert_close(other.state[kernel]["momentum"], buffer)


def test_it_learns_a_convolution() -> None:
    torch.manual_seed(0)
    student, teacher = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.Conv2d(8, 8, 3, padding=1, bias=False)
    optimizer = Muon(student.parameters(), lr=0.06)
    x = torch.randn(4, 8, 12, 12)
    wanted = teacher(x).detach()
    losses = []
    for i in range(80):
        set_learning_rate([optimizer], 1.0 - i / 80)
        loss = (student(x) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]


@pytest.mark.parametrize("name", ["cfrnet", "cfrnet-rt"])
def test_every_parameter_has_one_optimizer(name: str) -> None:
    generator = build_generator(name)
    muon, adam = generator_optimizers(generator, 0.01)
    owned = [id(p) for optimizer in (muon, adam) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(owned) == sorted(id(p) for p in generator.parameters())
    kernels = {id(p) for p in muon.param_groups[0]["params"]}
    for key, parameter in generator.named_parameters():
        inner = parameter.ndim == 4 and not key.startswith(("stem", "head"))
        assert (id(parameter) in kernels) == inner, key


def test_the_learning_rate_is_scaled_from_its_base() -> None:
    optimizers = generator_optimizers(build_generator("cfrnet-rt"), 0.01)
    for factor in (0.5, 0.25, 1.0):
        set_learning_rate(optimizers, factor)
    set_learning_rate(optimizers, 0.5)
    assert [optimizer.param_groups[0]["lr"] for optimizer in optimizers] == pytest.approx([0.005, 0.00025])
