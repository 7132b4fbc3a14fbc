from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from training.networks import CFRNetRT, build_generator
from training.networks.cfrnet import count_parameters
from training.shipping.export import deployed


def macs(network: nn.Module) -> int:
    """Multiplications of all convolutions for one face of 256x256."""
    counted = []

    def count(layer: nn.Conv2d, _: tuple[Tensor, ...], out: Tensor) -> None:
        height, width = layer.kernel_size[0], layer.kernel_size[1]
        counted.append(out.numel() * layer.in_channels // layer.groups * height * width)

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]  # type: ignore[arg-type]
    with torch.no_grad():
        network(torch.zeros(1, 3, 256, 256))
    for hook in hooks:
        hook.remove()
    return sum(counted)


def test_table_one_has_the_printed_size() -> None:
    network = build_generator("cfrnet")
    assert count_parameters(network) == pytest.approx(2.0e6, rel=0.03)
    assert 8.6e9 <= macs(network) <= 8.8e9


def test_the_real_time_network_has_the_same_budget_for_a_third_of_the_work() -> None:
    network = build_generator("cfrnet-rt")
    assert count_parameters(network) == pytest.approx(2.0e6, rel=0.08)
    assert macs(network) < 3.0e9


@pytest.mark.parametrize("name", ["cfrnet", "cfrnet-rt", "cfrnet-d"])
def test_an_untrained_network_is_nearly_the_identity(name: str) -> None:
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        y = build_generator(name)(x)
    assert y.shape == x.shape
    assert 0.0 < float((y - x).abs().mean()) < 0.1
    assert float(y.abs().max()) <= 1.0


def test_clamp_leaves_white_alone_where_tanh_greys_it() -> None:
    white = torch.ones(1, 3, 8, 8)
    for bound, expected in (("clamp", 1.0), ("tanh", 0.7616)):
        network = CFRNetRT(bound)
        nn.init.zeros_(network.head.weight)
        with torch.no_grad():
            assert float(network(white).mean()) == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match="sigmoid"):
        CFRNetRT("sigmoid")


def test_an_unknown_network_is_named_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="cfrnet-rt"):
        build_generator("cfrnet-xl")


def test_the_deployed_network_computes_the_same() -> None:
    network = CFRNetRT()
    with torch.no_grad():
        network.head.weight.mul_(100)  # let every input value be seen in the output
    shipped = deployed(network)
    x = torch.rand(1, 3, 256, 256) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(shipped.correction(x), network.correction(x), rtol=1e-4, atol=1e-5)
    assert isinstance(network.unshuffle, nn.PixelUnshuffle)  # the one that trains is left as it was
    assert macs(shipped) == macs(network)
