"""Dark scenes as an augmentation."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from mmsrn.low_light import (
    LowLightRanges,
    sample_low_light,
    simulate_low_light,
)


@TRANSFORMS.register_module()
class RandomLowLight(BaseTransform):
    """Darken images like a photo of the scene in little light.

    See :func:`mmsrn.low_light.simulate_low_light` for the steps.  Put it
    before transforms that make the image float, such as
    ``PhotoMetricDistortion``, and before geometric ones, because lamps belong
    to the scene.

    Required and modified key: ``img``, BGR uint8 (h, w, 3).

    Args:
        prob (float): Share of the images that are darkened, in [0, 1].
        **ranges: Ranges of :class:`mmsrn.low_light.LowLightRanges`; the
            defaults resemble DARK FACE.

    Raises:
        ValueError: If ``prob`` or a range is invalid.
        TypeError: If a range is unknown.
    """

    def __init__(self, prob: float = 0.5, **ranges) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'RandomLowLight: prob={prob} is not in [0, 1]')
        self.prob = prob
        self.ranges = LowLightRanges(**ranges)

    def transform(self, results: dict) -> dict:
        """Darken the image with probability ``prob``.

        Args:
            results (dict): Result of the transforms before.

        Returns:
            dict: The same with the dark image.

        Raises:
            TypeError: If the image is not of uint8.
        """
        # mmengine seeds this one in each worker.
        rng = np.random.default_rng(np.random.randint(2**31))
        if rng.random() < self.prob:
            light = sample_low_light(self.ranges, rng)
            results['img'] = simulate_low_light(results['img'], light, rng)
        return results

    def __repr__(self) -> str:
        ranges = ', '.join(
            f'{key}={value}' for key, value in asdict(self.ranges).items()
        )
        return f'{type(self).__name__}(prob={self.prob}, {ranges})'
