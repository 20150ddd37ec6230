"""ResNet whose first convolution looks at every pixel."""

from __future__ import annotations

from mmdet.models.backbones import ResNet
from mmdet.registry import MODELS


@MODELS.register_module()
class RootResNet(ResNet):
    """mmdet's ResNet without a stride in its first convolution.

    A stride of 2 in the first layer drops detail of small faces before
    anything has been learnt from it.  Here the stem keeps the full
    resolution up to its pooling.  By default its 7x7 convolution is split
    into three of 3x3.  The first block of the first stage takes the stride
    over, so the maps of the four stages have strides 4, 8, 16 and 32, as
    those of ResNet, whose weights fit all stages.  Depths of 18 and 34 have
    one shortcut more, for that block.

    At full resolution the stem costs four times as much.  ``stem_channels``
    bounds that; the first two of the three convolutions have half of it.
    Below ResNet's 64, two convolutions of the first block cannot take
    ResNet's weights.

    Source: ScratchDet (arXiv 1810.08425), whose Root-ResNet has no stride in
    the first convolution and three of 3x3 with 64 channels in its place, and
    ISRN (arXiv 1901.06651), by many of the same authors, whose "New-ResNet"
    is said to drop the stride and to split or thin the first convolution to
    bound the cost.  Its layers are not known in detail: the widths, and where
    the stride goes, are choices made here.

    Args:
        depth (int): As in ``ResNet``: 18, 34, 50, 101 or 152.
        deep_stem (bool): Three 3x3 convolutions in place of one of 7x7.
        frozen_stages (int): As in ``ResNet``, but with ``deep_stem`` it must
            be -1, nothing frozen: from 0 on, ``ResNet`` freezes the stem too,
            and the three convolutions start from random weights.
        strides (tuple[int]): Strides of the stages; with ``(1, 2, 2, 2)``, as
            ScratchDet has, the maps have strides 2, 4, 8 and 16.
        **kwargs: Further arguments of ``ResNet``.

    Raises:
        ValueError: If ``frozen_stages`` would freeze a deep stem.

    Example:
        >>> import torch
        >>> maps = RootResNet(18)(torch.zeros(1, 3, 64, 96))
        >>> [tuple(x.shape[1:]) for x in maps[:2]]
        [(64, 16, 24), (128, 8, 12)]
    """

    def __init__(
        self,
        depth: int,
        deep_stem: bool = True,
        strides: tuple[int, ...] = (2, 2, 2, 2),
        frozen_stages: int = -1,
        **kwargs,
    ) -> None:
        if deep_stem and frozen_stages >= 0:
            raise ValueError(
                f'RootResNet: frozen_stages={frozen_stages} freezes the stem '
                'too, for which there are no pretrained weights; set '
                'frozen_stages=-1, or deep_stem=False, whose stem takes those '
                'of ResNet'
            )
        super().__init__(
            depth,
            deep_stem=deep_stem,
            strides=strides,
            frozen_stages=frozen_stages,
            **kwargs,
        )

    def _make_stem_layer(self, in_channels: int, stem_channels: int) -> None:
        super()._make_stem_layer(in_channels, stem_channels)
        first = self.stem[0] if self.deep_stem else self.conv1
        first.stride = (1, 1)
