"""Divisors of the selective losses."""

import torch
from mmdet.utils import reduce_mean
from mmengine.dist import get_world_size
from torch import Tensor


class PositiveNormalizer:
    """Weights that divide a sum of sample losses by a number of positives.

    Neither paper nor code states what N_s1 and N_s2 count, so both questions
    are options.

    Args:
        per_image (bool): Divide each image's sum by its own positives and
            average over images, instead of the batch's sum by the batch's
            positives.  In either case these count at least 1.  Ranks divide
            by their share of it, as mmdet averages their gradients.
    """

    def __init__(self, per_image: bool = False) -> None:
        self.per_image = per_image

    def __call__(
        self, positive: Tensor, images: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute weights and divisor for some samples.

        Args:
            positive (Tensor): bool, (B, N): the positives to count.
            images (Tensor): int64, (M,): image of each sample.

        Returns:
            tuple[Tensor, Tensor]: Weight of each sample, (M,), and a scalar:
            the loss is ``sum(weight * sample loss) / scalar``.
        """
        counts = positive.sum(dim=1).float()
        if self.per_image:
            weights = (1 / counts.clamp(min=1))[images]
            return weights, counts.new_tensor(len(counts))
        # Of one positive in all ranks: what one rank would have as 1.
        least = 1 / get_world_size()
        divisor = reduce_mean(counts.sum()).clamp(min=least)
        return torch.ones_like(images, dtype=torch.float), divisor
