from __future__ import annotations

import torch
from torch import Tensor

from training.networks.discriminators import ComponentDiscriminator, PatchDiscriminator, component_crops, roi_align


def coordinates(size: int = 64) -> Tensor:
    """(1, 3, size, size): channel 0 holds x, channel 1 holds y."""
    y, x = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    return torch.stack((x, y, torch.zeros_like(x)))[None]


def test_roi_align_on_whole_pixels_is_a_slice() -> None:
    images = torch.rand(2, 3, 64, 64)
    # An even size has its centre between two pixels.
    crops = roi_align(images, torch.tensor([[30.5, 20.5], [40.5, 31.5]]), (10, 20))
    torch.testing.assert_close(crops[0], images[0, :, 16:26, 21:41])
    torch.testing.assert_close(crops[1], images[1, :, 27:37, 31:51])


def test_roi_align_interpolates_between_pixels() -> None:
    crop = roi_align(coordinates(), torch.tensor([[30.25, 20.75]]), (3, 5))[0]
    torch.testing.assert_close(crop[0, 1], torch.tensor([28.25, 29.25, 30.25, 31.25, 32.25]))
    torch.testing.assert_close(crop[1, :, 2], torch.tensor([19.75, 20.75, 21.75]))


def test_roi_align_repeats_the_border_and_passes_gradients() -> None:
    images = coordinates().requires_grad_()
    crop = roi_align(images, torch.tensor([[0.0, 0.0]]), (5, 5))
    torch.testing.assert_close(crop[0, 0, 0].detach(), torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0]))
    crop.sum().backward()
    assert images.grad is not None
    assert float(images.grad.sum()) > 0


def test_components_are_cut_where_the_landmarks_say() -> None:
    landmarks = torch.tensor([[[96.0, 120.0], [160.0, 121.0], [128.0, 157.0], [100.0, 186.0], [156.0, 184.0]]])
    crops = component_crops(coordinates(256), landmarks)
    centres = {name: crop.mean((2, 3))[0, :2].round(decimals=2).tolist() for name, crop in crops.items()}
    assert centres == {
        "left_eye": [96.0, 120.0], "right_eye": [160.0, 121.0], "nose": [128.0, 157.0], "mouth": [128.0, 185.0]
    }  # fmt: skip
    assert {name: tuple(crop.shape[2:]) for name, crop in crops.items()} == {
        "left_eye": (40, 40), "right_eye": (40, 40), "nose": (40, 40), "mouth": (50, 80)
    }  # fmt: skip


def test_every_convolution_is_spectrally_normalised() -> None:
    patch, component = PatchDiscriminator(), ComponentDiscriminator()
    with torch.no_grad():
        for _ in range(30):  # the largest singular value is found by power iteration, a step a pass
            patch(torch.rand(1, 3, 64, 64))
            component(torch.rand(1, 3, 40, 40))
    for critic in (patch, component):
        for layer in (*critic.layers, critic.score):
            largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)  # type: ignore[operator, union-attr]
            assert 0.9 < float(largest) < 1.1


def test_critics_score_places_and_show_their_features() -> None:
    assert PatchDiscriminator()(torch.rand(1, 3, 256, 256)).shape[2] > 8
    scores, features = ComponentDiscriminator()(torch.rand(2, 3, 50, 80))
    assert scores.shape[:2] == (2, 1)
    assert [each.shape[0] for each in features] == [2, 2, 2]
