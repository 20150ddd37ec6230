"""The subnets of a head: convolutions with RFE in their middle."""

from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmdet.utils import OptConfigType
from torch import nn


def build_subnet(
    in_channels: int,
    feat_channels: int,
    stacked_convs: int,
    rfe: OptConfigType = None,
    conv_cfg: OptConfigType = None,
    norm_cfg: OptConfigType = None,
) -> nn.Sequential:
    """Build a subnet of 3x3 convolutions.

    Args:
        in_channels (int): Channels of the maps.
        feat_channels (int): Channels inside, and of what it puts out.
        stacked_convs (int): Convolutions; RFE takes the place of the middle
            two.
        rfe (dict, optional): Config of the RFE layer; ``None`` leaves all
            convolutions in place.
        conv_cfg, norm_cfg (dict, optional): As in ``ConvModule``.

    Returns:
        nn.Sequential: From (N, in_channels, H, W) to (N, feat_channels, H,
        W).
    """
    num_convs = stacked_convs - (0 if rfe is None else 2)
    layers = nn.Sequential()
    for i in range(num_convs):
        layers.append(
            ConvModule(
                in_channels if i == 0 else feat_channels,
                feat_channels,
                3,
                padding=1,
                conv_cfg=conv_cfg,
                norm_cfg=norm_cfg,
            )
        )
    if rfe is not None:
        before = (num_convs + 1) // 2
        width = feat_channels if before else in_channels
        layers.insert(before, MODELS.build(dict(rfe, in_channels=width)))
    return layers
