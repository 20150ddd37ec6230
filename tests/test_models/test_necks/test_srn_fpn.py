"""The pyramid: sizes, what is built, where the extra levels start."""

import pytest
import torch
from torch.nn import functional as F

from mmsrn.models.necks import SRNFPN

CHANNELS = [8, 16, 32, 64]


def backbone_maps(height=50, width=70):
    maps = []
    for channels in CHANNELS:
        maps.append(torch.randn(2, channels, height, width))
        height, width = -(-height // 2), -(-width // 2)
    return maps


def test_sizes_of_an_odd_image():
    feats = backbone_maps(50, 69)
    outs = SRNFPN(CHANNELS, 16, 6)(feats)
    sizes = [(50, 69), (25, 35), (13, 18), (7, 9), (4, 5), (2, 3)]
    assert [tuple(x.shape[-2:]) for x in outs] == sizes * 2
    assert all(x.shape[:2] == (2, 16) for x in outs)


def test_published_number_of_parameters():
    neck = SRNFPN([256, 512, 1024, 2048], 256, 6)
    extra, lateral, p_set, c_set = 21_234_944, 984_064, 3_540_480, 1_312_256
    count = sum(p.numel() for p in neck.parameters())
    assert count == extra + lateral + p_set + c_set


@pytest.mark.parametrize('align_corners', [True, False])
@pytest.mark.parametrize('extra_convs_on', ['lateral', 'output'])
def test_arithmetic(align_corners, extra_convs_on):
    """Every map against the formulas of the specification."""
    torch.manual_seed(0)
    neck = SRNFPN(
        CHANNELS,
        16,
        6,
        align_corners=align_corners,
        extra_convs_on=extra_convs_on,
    )
    c2, c3, c4, c5 = feats = backbone_maps()
    c_set, p_set = neck(feats)[:6], neck(feats)[6:]

    c6 = neck.extra_convs[0].conv(c5)
    c7 = neck.extra_convs[1].conv(c6)
    for i, x in enumerate([c2, c3, c4, c5, c6, c7]):
        conv = neck.first_step_convs[str(i)].conv
        assert conv.kernel_size == (1, 1)
        torch.testing.assert_close(c_set[i], conv(x))

    l2, l3, l4, l5 = (
        conv.conv(x) for conv, x in zip(neck.lateral_convs, feats)
    )

    def up(x, like):
        return F.interpolate(
            x,
            size=like.shape[-2:],
            mode='bilinear',
            align_corners=align_corners,
        )

    s4 = up(l5, l4) + l4
    s3 = up(s4, l3) + l3
    s2 = up(s3, l2) + l2
    convs = [conv.conv for conv in neck.fpn_convs]
    expected = [conv(x) for conv, x in zip(convs, [s2, s3, s4, l5])]
    expected.append(
        convs[4](l5 if extra_convs_on == 'lateral' else expected[3])
    )
    expected.append(convs[5](expected[4]))
    for map_, wanted in zip(p_set, expected):
        torch.testing.assert_close(map_, wanted)
    assert convs[4].stride == convs[5].stride == (2, 2)


def test_builds_only_what_the_first_step_uses():
    neck = SRNFPN(CHANNELS, 16, 6, first_step_levels=(0, 2))
    outs = neck(backbone_maps())
    assert [x is not None for x in outs[:6]] == [1, 0, 1, 0, 0, 0]
    assert not any('extra_convs' in n for n, _ in neck.named_parameters())
    sum(x.sum() for x in outs if x is not None).backward()
    assert all(p.grad is not None for p in neck.parameters())
    assert len(SRNFPN(CHANNELS, 16, 6, ())(backbone_maps())) == 6


@pytest.mark.parametrize('num_ins, num_outs', [(1, 1), (2, 2), (3, 5), (4, 8)])
def test_any_number_of_levels(num_ins, num_outs):
    neck = SRNFPN(CHANNELS[:num_ins], 16, num_outs)
    outs = neck(backbone_maps(256, 256)[:num_ins])
    assert len(outs) == 2 * num_outs


def test_initialisation():
    neck = SRNFPN(CHANNELS, 64, 6)
    neck.init_weights()
    for name, p in neck.named_parameters():
        if name.endswith('weight'):
            assert abs(p.std() - 0.01) < 0.002, name


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(num_outs=3), 'num_outs=3'),
        (dict(first_step_levels=(6,)), r'0\.\.5'),
        (dict(extra_channels=(4,)), 'extra_channels'),
        (dict(extra_convs_on='input'), "'input'"),
        (dict(upsample_mode='bicubic'), "'bicubic'"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        SRNFPN(**{**dict(in_channels=CHANNELS, out_channels=16, num_outs=6),
                  **kwargs})  # fmt: skip


def test_wrong_number_of_maps():
    with pytest.raises(ValueError, match='out_indices'):
        SRNFPN(CHANNELS, 16, 6)(backbone_maps()[:3])
