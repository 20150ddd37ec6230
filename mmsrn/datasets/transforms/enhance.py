"""The enhancement methods of :mod:`mmsrn.enhance` as a transform."""

from __future__ import annotations

from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from ...enhance import make_enhancer

__all__ = ['Enhance']


@TRANSFORMS.register_module()
class Enhance(BaseTransform):
    """Enhance a dark image with one method.

    Required and modified key: ``img``, uint8. Put it after
    ``LoadImageFromFile`` and before transforms that make floats; put it before
    ``Resize`` to get the result of ``mmsrn enhance``.  ``lime`` takes seconds
    per image: process the dataset once with that command instead.

    Args:
        method (str): A key of ``mmsrn.enhance.METHODS``.
        **params: Parameters of its function.

    Raises:
        ValueError: If the method or a parameter is unknown, or a value is out
            of range; while running, if the image is not uint8 or not of the
            shape (h, w) or (h, w, 3).

    Example:
        >>> from mmdet.registry import TRANSFORMS
        >>> TRANSFORMS.build(dict(type='Enhance', method='msrcr', form='gimp'))
        Enhance(method='msrcr', form='gimp')
    """

    def __init__(self, method: str, **params) -> None:
        self.params = dict(method=method, **params)
        try:
            self.enhance = make_enhancer(method, **params)
        except (TypeError, ValueError) as error:
            raise ValueError(f'Enhance: {method}: {error}') from error

    def transform(self, results: dict) -> dict:
        """Enhance the image.

        Args:
            results (dict): Result of the transforms before.

        Returns:
            dict: The same with the enhanced image.
        """
        try:
            results['img'] = self.enhance(results['img'])
        except (TypeError, ValueError) as error:
            name = results.get('img_path', 'image')
            raise ValueError(f'Enhance: {name}: {error}') from error
        return results

    def __repr__(self) -> str:
        params = ', '.join(f'{k}={v!r}' for k, v in self.params.items())
        return f'Enhance({params})'
