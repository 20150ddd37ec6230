"""The stem without stride, layer by layer."""

import pytest
import torch
import torch.nn.functional as F
from mmdet.models.backbones import ResNet
from mmdet.registry import MODELS

from mmsrn.models.backbones import RootResNet
from mmsrn.utils import register_all_modules

THIN = dict(depth=18, base_channels=8, stem_channels=8)


@pytest.mark.parametrize('deep_stem', [True, False])
@pytest.mark.parametrize('size', [(64, 96), (45, 61)])
def test_maps_have_the_sizes_of_resnet(deep_stem, size):
    image = torch.randn(1, 3, *size)
    maps = RootResNet(deep_stem=deep_stem, **THIN)(image)
    other = ResNet(deep_stem=deep_stem, **THIN)(image)
    assert [x.shape for x in maps] == [x.shape for x in other]
    for stride, x in zip((4, 8, 16, 32), maps):
        assert list(x.shape[2:]) == [-(-side // stride) for side in size]


def test_strides_of_scratchdet():
    maps = RootResNet(strides=(1, 2, 2, 2), **THIN)(torch.zeros(1, 3, 64, 64))
    assert [x.shape[-1] for x in maps] == [32, 16, 8, 4]


@pytest.mark.parametrize('depth', [34, 50])
def test_weights_of_resnet_fit_all_stages(depth):
    """Basic blocks need a shortcut where they get a stride."""
    ours = RootResNet(depth).state_dict()
    theirs = ResNet(depth).state_dict()
    stages = {k for k in theirs if k.startswith('layer')}
    assert all(ours[k].shape == theirs[k].shape for k in stages)
    new = {'.'.join(k.split('.')[:3]) for k in ours.keys() - stages}
    new = {k for k in new if not k.startswith('stem.')}
    assert new == ({'layer1.0.downsample'} if depth == 34 else set())


def test_stem_by_hand():
    """Three 3x3 convolutions over all pixels, then the pooling."""
    torch.manual_seed(0)
    net = RootResNet(**THIN)
    net.eval()
    image = torch.randn(2, 3, 20, 28)
    x = image
    for i in (0, 3, 6):
        assert net.stem[i].weight.shape[:2] == [(4, 3), (4, 4), (8, 4)][i // 3]
        x = F.conv2d(x, net.stem[i].weight, stride=1, padding=1)
        assert x.shape[2:] == image.shape[2:]
        x = F.relu(x / (1 + 1e-5) ** 0.5)  # a new BN in eval mode
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    torch.testing.assert_close(net(image)[0], net.layer1(x))


@pytest.mark.parametrize('stem_channels, taken', [(8, True), (4, False)])
def test_starts_from_weights_of_resnet(stem_channels, taken, tmp_path):
    """All stages; with a thinner stem, not what looks at it."""
    thin = dict(THIN, depth=50)
    file = str(tmp_path / 'resnet.pth')
    weights = ResNet(**thin).state_dict()
    torch.save(weights, file)
    thin.update(stem_channels=stem_channels)
    net = RootResNet(init_cfg=dict(type='Pretrained', checkpoint=file), **thin)
    before = net.stem[0].weight.clone()
    net.init_weights()
    found = net.state_dict()
    for name in weights.keys() & found.keys():
        same = torch.equal(found[name], weights[name])
        looks_at_stem = (
            'layer1.0.conv1.weight',
            'layer1.0.downsample.0.weight',
        )
        assert same == (taken or name not in looks_at_stem), name
    assert torch.equal(net.stem[0].weight, before)


def test_split_or_thin():
    """Multiply-adds of a pixel of the image, and parameters."""
    cost = {}
    for channels, deep in ((64, True), (32, True), (64, False)):
        net = RootResNet(18, deep, stem_channels=channels)
        stem = net.stem if deep else [net.conv1]
        convs = [x for x in stem if isinstance(x, torch.nn.Conv2d)]
        assert all(x.stride == (1, 1) for x in convs)
        cost[channels, deep] = sum(x.weight.numel() for x in convs)
    assert cost == {
        (64, True): 9 * (3 * 32 + 32 * 32 + 32 * 64),
        (32, True): 9 * (3 * 16 + 16 * 16 + 16 * 32),
        (64, False): 49 * 3 * 64,
    }


def test_every_pixel_counts():
    """Shifted by one pixel, what the pooling sees is shifted, and no other."""
    net = RootResNet(**THIN)
    net.eval()
    image = torch.randn(1, 3, 24, 24)
    first, second = (net.stem(x) for x in (image[..., :-1], image[..., 1:]))
    torch.testing.assert_close(first[..., 4:-3], second[..., 3:-4])


@pytest.mark.parametrize('stages', [0, 1])
def test_a_random_stem_is_not_frozen(stages):
    with pytest.raises(ValueError, match='set frozen_stages=-1, or deep_st'):
        RootResNet(frozen_stages=stages, **THIN)
    net = RootResNet(deep_stem=False, frozen_stages=stages, **THIN)
    assert not net.conv1.weight.requires_grad


def test_registered():
    register_all_modules()
    cfg = dict(type='RootResNet', norm_cfg=dict(type='GN', num_groups=4))
    net = MODELS.build(dict(cfg, **THIN))
    assert isinstance(net.stem[1], torch.nn.GroupNorm)
    assert net.deep_stem and net.strides == (2, 2, 2, 2)
