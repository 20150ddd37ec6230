"""The order of memory changes no result."""

import copy

import pytest
import torch
from mmcv.ops import DeformConv2dPack, ModulatedDeformConv2dPack, RoIAlign
from torch import nn

from mmsrn.models.utils import use_channels_last


class Regions(nn.Module):
    """An operation of mmcv between convolutions."""

    def __init__(self, operation):
        super().__init__()
        self.before = nn.Conv2d(3, 8, 3, padding=1)
        self.operation = operation
        self.after = nn.Conv2d(8, 4, 3)

    def forward(self, image):
        maps = self.before(image)
        if isinstance(self.operation, RoIAlign):
            rois = image.new_tensor([[0, 1, 2, 9, 7], [1, 3, 0, 8, 8]])
            maps = self.operation(maps, rois)
        else:
            maps = self.operation(maps)
        return self.after(maps)


@pytest.mark.parametrize(
    'make',
    [
        lambda: RoIAlign((4, 4), 1.0, 2),
        lambda: DeformConv2dPack(8, 8, 3, padding=1),
        lambda: ModulatedDeformConv2dPack(8, 8, 3, padding=1),
    ],
    ids=['RoIAlign', 'DCN', 'DCNv2'],
)
def test_operations_of_mmcv(make):
    torch.manual_seed(0)
    model = Regions(make())
    for part in model.operation.modules():
        if isinstance(part, nn.Conv2d):  # offsets, which are zero at first
            nn.init.normal_(part.weight, std=0.2)
    last = copy.deepcopy(model)
    use_channels_last(last)
    order = torch.channels_last
    assert last.before.weight.is_contiguous(memory_format=order)
    image = torch.randn(2, 3, 12, 10)
    expected, found = model(image), last(image)
    torch.testing.assert_close(found, expected)
    expected.square().sum().backward()
    found.square().sum().backward()
    for one, other in zip(last.parameters(), model.parameters()):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-4)
