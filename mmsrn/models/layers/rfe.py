"""Receptive field enhancement (RFE)."""

import torch
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmdet.utils import ConfigType, OptConfigType
from torch import Tensor, nn


@MODELS.register_module()
class RFE(nn.Module):
    """Receptive field enhancement block: non-square kernels plus identity.

    Four branches look at the input through a 1x5, a 5x1, a 1x3 and a 3x1
    kernel, each between two 1x1 convolutions; their concatenation goes
    through one more 1x1 convolution and is added to the input.  Every
    convolution has a ReLU, the sum has none.

    The parallel 1x1 convolutions are stored as one: the four reductions as a
    convolution whose output is split, the four after the strips as a grouped
    convolution. The result is that of separate branches.

    Source: SRN (arXiv 1809.02693), section on RFE and its figure; class
    ``RFE`` of the published code.

    Args:
        in_channels (int): Channels of input and output, divisible by
            ``reduction``.
        reduction (int): Input channels over the channels of one branch.
        kernels (tuple[tuple[int, int]]): (height, width) of each branch's
            kernel, odd numbers.
        conv_cfg (dict, optional): Convolution layer, ``None`` for Conv2d.
        norm_cfg (dict, optional): Norm after every convolution, ``None`` for
            none, as published.
        act_cfg (dict): Activation after every convolution.

    Attributes:
        band_cells (int, optional): Cells that a CPU computes at a time when no
            gradient is needed. In such bands, the intermediate results of a
            large map stay in the cache. ``None``, the default: all cells. Do
            not set it with a norm over the whole map.

    Raises:
        ValueError: If ``in_channels`` is not divisible by ``reduction`` or a
            kernel side is even.

    Example:
        >>> import torch
        >>> RFE(256)(torch.zeros(1, 256, 8, 6)).shape
        torch.Size([1, 256, 8, 6])
    """

    def __init__(
        self,
        in_channels: int,
        reduction: int = 4,
        kernels: tuple[tuple[int, int], ...] = (
            (1, 5),
            (5, 1),
            (1, 3),
            (3, 1),
        ),
        conv_cfg: OptConfigType = None,
        norm_cfg: OptConfigType = None,
        act_cfg: ConfigType = dict(type='ReLU'),
    ) -> None:
        super().__init__()
        if in_channels % reduction:
            raise ValueError(
                f'RFE: in_channels={in_channels} is not divisible by '
                f'reduction={reduction}'
            )
        if any(side % 2 == 0 for kernel in kernels for side in kernel):
            raise ValueError(f'RFE: kernel sides must be odd, got {kernels}')
        cfg = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        width = in_channels // reduction
        num = len(kernels)
        self.reduce = ConvModule(in_channels, num * width, 1, **cfg)
        self.strips = nn.ModuleList(
            ConvModule(width, width, (h, w), padding=(h // 2, w // 2), **cfg)
            for h, w in kernels
        )
        self.expand = ConvModule(
            num * width, num * width, 1, groups=num, **cfg
        )
        self.project = ConvModule(num * width, in_channels, 1, **cfg)
        self._margin = max(height // 2 for height, _ in kernels)
        self.band_cells: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Enhance a feature map.

        Args:
            x (Tensor): Features, shape (N, in_channels, H, W).

        Returns:
            Tensor: Enhanced features of the same shape.
        """
        if self.band_cells is None or x.is_cuda or torch.is_grad_enabled():
            return x + self._enhancement(x)
        num, _, height, width = x.shape
        # In lower bands most of the work would be that of the margins.
        rows = max(self.band_cells // (num * width), 4 * self._margin)
        enhanced = torch.empty_like(x)
        for top in range(0, height, rows):
            # What the strips look at, above and below.
            start = max(top - self._margin, 0)
            bottom = min(top + rows, height)
            part = x[:, :, start : bottom + self._margin]
            torch.add(
                x[:, :, top:bottom],
                self._enhancement(part, top - start, bottom - start),
                out=enhanced[:, :, top:bottom],
            )
        return enhanced

    def _enhancement(
        self, x: Tensor, top: int = 0, bottom: int | None = None
    ) -> Tensor:
        """What is added to some rows of a map."""
        # No names for what is large: it need not outlive its use.
        strips = torch.cat(
            [
                strip(part)[:, :, top:bottom]
                for strip, part in zip(
                    self.strips,
                    self.reduce(x).chunk(len(self.strips), dim=1),
                )
            ],
            dim=1,
        )
        strips = self.expand(strips)
        return self.project(strips)
