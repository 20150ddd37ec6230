"""Base class of learned enhancers, and their use on padded batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence

from mmdet.structures import DetDataSample
from mmengine.model import BaseModule
from torch import Tensor


class BaseEnhancer(BaseModule, ABC):
    """A network that makes a dark image brighter.

    It gets images without padding.
    """

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Enhance images.

        Args:
            images (Tensor): (B, 3, H, W) float RGB in [0, 1].

        Returns:
            Tensor: The same in shape, dtype and range.
        """

    def loss(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Enhance images and compute losses without reference images.

        Args:
            images (Tensor): (B, 3, H, W) float RGB in [0, 1].

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The images of :meth:`forward`,
            and scalars: those with ``loss`` in their name are minimised, the
            others only logged. Here there are none.
        """
        return self(images), {}


def content_sizes(
    images: Tensor, data_samples: Sequence[DetDataSample] | None
) -> list[tuple[int, int]]:
    """Sizes of the images of a batch, without padding.

    Args:
        images (Tensor): The batch, (B, C, H, W).
        data_samples (Sequence[DetDataSample], optional): With ``img_shape``;
            without, nothing is taken for padding.

    Returns:
        list[tuple[int, int]]: Height and width of each.
    """
    if data_samples is None:
        return [tuple(images.shape[2:])] * len(images)
    return [tuple(x.img_shape[:2]) for x in data_samples]


def enhance_batch(
    enhancer: BaseEnhancer,
    images: Tensor,
    sizes: Sequence[tuple[int, int]],
    with_loss: bool = False,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Enhance a batch of images that were padded to one size.

    Images of one size are enhanced together. The padding neither changes nor
    enters the result or the losses.

    Args:
        enhancer (BaseEnhancer): The enhancer.
        images (Tensor): (B, 3, H, W) float RGB; values out of [0, 1], which
            augmentations may leave, are clipped outside the padding.
        sizes (Sequence[tuple[int, int]]): Height and width of each image; its
            content starts at the upper left.
        with_loss (bool): Whether to call ``enhancer.loss``.

    Returns:
        tuple[Tensor, dict[str, Tensor]]: Enhanced images, (B, 3, H, W), and
        the scalars of ``enhancer.loss``, mean over the images; empty without.
    """
    groups = defaultdict(list)
    for i, size in enumerate(sizes):
        groups[tuple(size)].append(i)
    result, scalars = images.clone(), defaultdict(float)
    for (height, width), inds in groups.items():
        part = images[inds, :, :height, :width].clamp(0, 1)
        if with_loss:
            part, found = enhancer.loss(part)
            for name, value in found.items():
                scalars[name] = scalars[name] + value * len(inds) / len(sizes)
        else:
            part = enhancer(part)
        result[inds, :, :height, :width] = part.to(result.dtype)
    return result, dict(scalars)
