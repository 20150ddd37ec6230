"""Brightening by curves that a network estimates for each pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmdet.utils import ConfigType
from torch import Tensor, nn

from .base_enhancer import BaseEnhancer

#: The losses of the paper with its weights.
_LOSSES = dict(
    spatial=dict(type='SpatialConsistencyLoss', loss_weight=1.0),
    exposure=dict(type='ExposureControlLoss', target=0.6, loss_weight=1.0),
    color=dict(type='ColorConstancyLoss', loss_weight=0.5),
    smoothness=dict(type='IlluminationSmoothnessLoss', loss_weight=20.0),
)


@MODELS.register_module()
class CurveEnhancer(BaseEnhancer):
    r"""Zero-reference deep curve estimation, in the manner of Zero-DCE.

    Seven 3x3 convolutions estimate curve parameters in [-1, 1] for each
    pixel, channel and iteration, and every iteration bends the image:

    .. math:: LE_n(x) = LE_{n-1}(x)
                        + A_n(x) \, LE_{n-1}(x) \, (1 - LE_{n-1}(x))

    Values stay in [0, 1], and 0 and 1 stay what they are.  The fifth, sixth
    and seventh layers also get the outputs of the third, second and first.
    The losses need no reference images. Borders are padded with the nearest
    value; the paper does not say how.

    Source: Zero-DCE (arXiv 2001.06826), sections 3.1 to 3.3, and figure 2;
    initial weights, section 4.  ``downsample``: Zero-DCE++ (arXiv
    2103.00860).

    Args:
        channels (int): Of the hidden layers.
        iterations (int): N, how often the curve is applied.
        downsample (int): Estimate the curves on images that are smaller by
            this factor; the curves, which are smooth, are enlarged again.
            1 is the paper's; 4 takes about a sixteenth of the time.
        losses (dict, optional): Config of each loss by the name it has in the
            log behind ``loss_``; it takes enhanced images, images and curves.
            ``None``: the four of the paper with their weights; an empty dict:
            none, so that only the detector trains the enhancer.
        init_cfg (dict, optional): As of ``BaseModule``.

    Raises:
        ValueError: If a number is less than 1.
    """

    def __init__(
        self,
        channels: int = 32,
        iterations: int = 8,
        downsample: int = 1,
        losses: ConfigType | None = None,
        init_cfg: ConfigType | None = dict(
            type='Normal', layer='Conv2d', mean=0, std=0.02, bias=0
        ),
    ) -> None:
        super().__init__(init_cfg)
        for name, value in dict(
            channels=channels, iterations=iterations, downsample=downsample
        ).items():
            if value < 1:
                raise ValueError(f'CurveEnhancer: {name}={value} is under 1')
        self.iterations = iterations
        self.downsample = downsample
        wide = 2 * channels
        sides = [3, channels, channels, channels, wide, wide, wide]
        outs = [*[channels] * 6, 3 * iterations]
        self.convs = nn.ModuleList(
            # With zeros, a dark frame would remain around the image.
            nn.Conv2d(a, b, 3, padding=1, padding_mode='replicate')
            for a, b in zip(sides, outs)
        )
        losses = _LOSSES if losses is None else losses
        self.losses = nn.ModuleDict(
            {name: MODELS.build(loss) for name, loss in losses.items()}
        )

    def estimate(self, images: Tensor) -> Tensor:
        """Estimate the curves.

        Args:
            images (Tensor): (B, 3, H, W) float RGB in [0, 1].

        Returns:
            Tensor: Parameters A, (B, N, 3, H, W) in [-1, 1].
        """
        size, x = images.shape[2:], images
        if self.downsample > 1:
            small = [max(side // self.downsample, 1) for side in size]
            x = F.interpolate(x, small, mode='area')
        one = F.relu(self.convs[0](x))
        two = F.relu(self.convs[1](one))
        three = F.relu(self.convs[2](two))
        x = F.relu(self.convs[3](three))
        x = F.relu(self.convs[4](torch.cat([three, x], dim=1)))
        x = F.relu(self.convs[5](torch.cat([two, x], dim=1)))
        x = torch.tanh(self.convs[6](torch.cat([one, x], dim=1)))
        # In half precision eight iterations would add up to visible steps.
        x = x.to(images.dtype)
        if self.downsample > 1:
            x = F.interpolate(x, size, mode='bilinear', align_corners=False)
        return x.unflatten(1, (self.iterations, 3))

    @staticmethod
    def bend(images: Tensor, curves: Tensor) -> Tensor:
        """Apply curves.

        Args:
            images (Tensor): (B, 3, H, W) in [0, 1].
            curves (Tensor): (B, N, 3, H, W) in [-1, 1].

        Returns:
            Tensor: (B, 3, H, W) in [0, 1].
        """
        for curve in curves.unbind(1):
            images = images + curve * images * (1 - images)
        return images

    def forward(self, images: Tensor) -> Tensor:
        """Enhance images, see :meth:`BaseEnhancer.forward`."""
        return self.bend(images, self.estimate(images))

    def loss(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Enhance images and judge them, see :meth:`BaseEnhancer.loss`.

        Args:
            images (Tensor): (B, 3, H, W) float RGB in [0, 1].

        Returns:
            tuple[Tensor, dict[str, Tensor]]: Enhanced images; ``loss_NAME``
            of each loss, and ``brightness``, the mean of the result.
        """
        curves = self.estimate(images)
        enhanced = self.bend(images, curves)
        scalars = {
            f'loss_{name}': loss(enhanced, images, curves)
            for name, loss in self.losses.items()
        }
        scalars['brightness'] = enhanced.detach().mean()
        return enhanced, scalars
