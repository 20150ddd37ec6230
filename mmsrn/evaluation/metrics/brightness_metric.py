"""Brightness and colour cast before and after enhancement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric


@METRICS.register_module()
class BrightnessMetric(BaseMetric):
    """Brightness and colour cast of images, before and after enhancement.

    The brightness of an image is the mean of all values.  The cast is the
    difference between the largest and the smallest channel mean, divided by
    the brightness: 0 for grey.  A good enhancer raises the brightness but not
    the cast.

    Results are means over the images: ``brightness`` and ``brightness_before``
    from 0 to 1, ``cast`` and ``cast_before`` from 0 to 3.

    Args:
        collect_device (str): As of ``BaseMetric``.
        prefix (str, optional): In front of the names, ``enhance`` by default.
    """

    default_prefix = 'enhance'

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Take in a batch.

        Args:
            data_batch (dict): Not used.
            data_samples (Sequence[dict]): With ``original`` and ``enhanced``,
                tensors (3, h, w) RGB in [0, 1], as ``ImageEnhancer`` gives.
        """
        for sample in data_samples:
            means = [
                sample[name].float().mean(dim=(1, 2)).cpu().numpy()
                for name in ('original', 'enhanced')
            ]
            self.results.append(means)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Average over the images.

        Args:
            results (list): Mean colours before and after, of each image.

        Returns:
            dict[str, float]: The results.
        """
        means = np.asarray(results, np.float64)  # images, before/after, RGB
        brightness = means.mean(axis=2)
        # A black image has no colour.
        spread = np.ptp(means, axis=2)
        cast = spread / np.maximum(brightness, np.finfo(float).tiny)
        return {
            'brightness': float(brightness[:, 1].mean()),
            'brightness_before': float(brightness[:, 0].mean()),
            'cast': float(cast[:, 1].mean()),
            'cast_before': float(cast[:, 0].mean()),
        }
