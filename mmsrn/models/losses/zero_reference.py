"""Losses that tell how well a dark image was enhanced, without a model."""

import torch.nn.functional as F
from mmdet.registry import MODELS
from torch import Tensor, nn


class _WeightedLoss(nn.Module):
    def __init__(self, loss_weight: float) -> None:
        super().__init__()
        self.loss_weight = loss_weight


@MODELS.register_module()
class SpatialConsistencyLoss(_WeightedLoss):
    r"""Neighbouring regions keep their difference in brightness.

    .. math:: L = \frac{1}{K} \sum_i \sum_{j \in \Omega(i)}
                  (|Y_i - Y_j| - |I_i - I_j|)^2

    Y and I are the mean brightness of region i after and before; Omega holds
    its neighbours above, below, left and right, as far as there are any.

    Source: Zero-DCE (arXiv 2001.06826), section 3.3, equation for L_spa.

    Args:
        region (int): Side of a region in pixels.
        loss_weight (float): Weight.
    """

    def __init__(self, region: int = 4, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        self.region = region

    def forward(
        self, enhanced: Tensor, images: Tensor, curves: Tensor
    ) -> Tensor:
        """Loss of a batch.

        Args:
            enhanced (Tensor): Images after, (B, 3, H, W) RGB in [0, 1].
            images (Tensor): Images before, likewise.
            curves (Tensor): Not used.

        Returns:
            Tensor: Scalar, mean over the images.
        """
        after, before = (
            _region_means(x.mean(1, keepdim=True), self.region)
            for x in (enhanced, images)
        )
        # Each pair of neighbours counts for both.
        pairs = sum(
            2
            * (after.diff(dim=d).abs() - before.diff(dim=d).abs())
            .square()
            .sum()
            for d in (2, 3)
        )
        return self.loss_weight * pairs / after.numel()


@MODELS.register_module()
class ExposureControlLoss(_WeightedLoss):
    r"""Regions are as bright as a well-exposed photograph.

    .. math:: L = \frac{1}{M} \sum_k |Y_k - E|

    Y is the mean brightness of a region; those at the right and lower border
    may be smaller.

    Source: Zero-DCE (arXiv 2001.06826), section 3.3, equation for L_exp.

    Args:
        target (float): E, in [0, 1].
        region (int): Side of a region in pixels.
        loss_weight (float): Weight.
    """

    def __init__(
        self, target: float = 0.6, region: int = 16, loss_weight: float = 1.0
    ) -> None:
        super().__init__(loss_weight)
        if not 0 <= target <= 1:
            raise ValueError(
                f'ExposureControlLoss: target={target} is not in [0, 1]'
            )
        self.target = target
        self.region = region

    def forward(
        self, enhanced: Tensor, images: Tensor, curves: Tensor
    ) -> Tensor:
        """Loss of a batch.

        Args:
            enhanced (Tensor): Images after, (B, 3, H, W) RGB in [0, 1].
            images (Tensor): Not used.
            curves (Tensor): Not used.

        Returns:
            Tensor: Scalar, mean over the images.
        """
        means = _region_means(enhanced.mean(1, keepdim=True), self.region)
        return self.loss_weight * (means - self.target).abs().mean()


@MODELS.register_module()
class ColorConstancyLoss(_WeightedLoss):
    r"""The mean colour of an image is grey.

    .. math:: L = \sum_{(p, q)} (J^p - J^q)^2, \quad
                  (p, q) \in \{(R, G), (R, B), (G, B)\}

    J is the mean of a channel after the enhancement.

    Source: Zero-DCE (arXiv 2001.06826), section 3.3, equation for L_col.

    Args:
        loss_weight (float): Weight.
    """

    def __init__(self, loss_weight: float = 0.5) -> None:
        super().__init__(loss_weight)

    def forward(
        self, enhanced: Tensor, images: Tensor, curves: Tensor
    ) -> Tensor:
        """Loss of a batch.

        Args:
            enhanced (Tensor): Images after, (B, 3, H, W) RGB in [0, 1].
            images (Tensor): Not used.
            curves (Tensor): Not used.

        Returns:
            Tensor: Scalar, mean over the images.
        """
        red, green, blue = enhanced.mean((2, 3)).unbind(1)
        loss = (
            (red - green).square()
            + (red - blue).square()
            + (green - blue).square()
        )
        return self.loss_weight * loss.mean()


@MODELS.register_module()
class IlluminationSmoothnessLoss(_WeightedLoss):
    r"""Neighbouring pixels are enhanced alike.

    .. math:: L = \frac{1}{N} \sum_n \sum_{c \in \{R, G, B\}}
                  (|\nabla_x A_n^c| + |\nabla_y A_n^c|)^2

    A are the curve parameters of iteration n; the gradients are differences
    to the next pixel, and their mean over the image is taken, which the paper
    does not write.

    Source: Zero-DCE (arXiv 2001.06826), section 3.3, equation for L_tvA.

    Args:
        loss_weight (float): Weight.
    """

    def __init__(self, loss_weight: float = 20.0) -> None:
        super().__init__(loss_weight)

    def forward(
        self, enhanced: Tensor, images: Tensor, curves: Tensor
    ) -> Tensor:
        """Loss of a batch.

        Args:
            enhanced (Tensor): Not used.
            images (Tensor): Not used.
            curves (Tensor): Parameters of the curves, (B, N, 3, H, W).

        Returns:
            Tensor: Scalar, mean over the images.
        """
        # Nothing lies beyond the border: no difference.
        across = F.pad(curves.diff(dim=4), (0, 1)).abs()
        down = F.pad(curves.diff(dim=3), (0, 0, 0, 1)).abs()
        variation = (across + down).square().mean((3, 4)).sum(2)
        return self.loss_weight * variation.mean()


def _region_means(images: Tensor, side: int) -> Tensor:
    """Means of square regions; at the far borders of what is left."""
    return F.avg_pool2d(images, side, ceil_mode=True, count_include_pad=False)
