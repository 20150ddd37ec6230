"""The published multi-scale test, as a pipeline."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmdet.registry import TRANSFORMS

from mmsrn.structures import Passes, ScalePass, published_passes


@TRANSFORMS.register_module()
class MultiScaleTestTimeAug(BaseTransform):
    """Make the views of an image for SRN's published multi-scale test.

    Their number and scales depend on the size of the image: see
    ``published_passes``.  ``BBoxVotingTTAModel`` runs a detector over them,
    maps its boxes back and merges them.  As in the published code,
    ``cv2.resize`` gets one factor for both sides: the new size is rounded, but
    sampling and mapping back use the exact factor.  Views without pixels are
    left out.

    Put it last in a pipeline, without a resize before it.  Annotations stay in
    the coordinates of the image.

    Required key: ``img``.

    Args:
        max_size (int): No view has more than ``max_size`` squared pixels:
            1400 or 2100 in the published results.
        transforms (list[dict]): Transforms of each view; the last one packs
            it.

    Raises:
        ValueError: If ``max_size`` is less than 32.
    """

    def __init__(
        self,
        max_size: int = 1400,
        transforms: list[dict] = [dict(type='PackDetInputs')],
    ) -> None:
        if max_size < 32:
            raise ValueError(
                f'MultiScaleTestTimeAug: max_size={max_size} is less than 32'
            )
        self.max_size = max_size
        self.transforms = Compose(transforms)

    @property
    def protocol(self) -> str:
        """Name of the protocol, so that numbers can say how they came."""
        return f'M: multi-scale and flip, max_size {self.max_size}'

    def transform(self, results: dict) -> dict:
        """Make the views.

        Args:
            results (dict): Result of the transforms before.

        Returns:
            dict: ``inputs`` and ``data_samples``, each with one item per view,
            as ``Passes``.  The samples have the metainfo ``scale_pass`` and
            ``protocol``; only the first has annotations.

        Raises:
            ValueError: If the image was resized before.
        """
        image = results['img']
        if results.get('scale_factor', 1) not in (1, (1, 1)):
            raise ValueError(
                'MultiScaleTestTimeAug: the image was resized by '
                f'{results["scale_factor"]} before; take the resize out of '
                'the pipeline'
            )
        packed = []
        for scale_pass in published_passes(*image.shape[:2], self.max_size):
            view = _view(image, scale_pass)
            if view is None:
                continue
            found = self.transforms(
                dict(
                    _without_annotations(results) if packed else results,
                    img=view,
                    img_shape=view.shape[:2],
                    scale_factor=(1.0, 1.0),  # what undoes the pass knows it
                    flip=scale_pass.flip,
                    flip_direction='horizontal' if scale_pass.flip else None,
                )
            )
            found['data_samples'].set_metainfo(
                dict(scale_pass=scale_pass, protocol=self.protocol)
            )
            packed.append(found)
        return {
            key: Passes([found[key] for found in packed]) for key in packed[0]
        }

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(max_size={self.max_size}, '
            f'transforms={self.transforms!r})'
        )


def _view(image: np.ndarray, scale_pass: ScalePass) -> np.ndarray | None:
    for factor in scale_pass.resizes:
        # To even at one half, as OpenCV rounds.
        if min(round(side * factor) for side in image.shape[:2]) < 1:
            return None
        image = cv2.resize(image, None, fx=factor, fy=factor)
    return cv2.flip(image, 1) if scale_pass.flip else image


def _without_annotations(results: dict) -> dict:
    return {k: v for k, v in results.items() if not k.startswith('gt_')}
