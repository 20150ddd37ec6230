"""The enhancement methods of :mod:`mmsrn.enhance` as a transform."""

from __future__ import annotations

from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from ...enhance import make_enhancer

__all__ = ['Enhance']


@TRANSFORMS.register_module()
class Enhance(BaseTransform):
    """Enhance a dark image with one method.

    Required and modified key: ``img``, uint8; so it stands after
    ``LoadImageFromFile``, before whatever makes floats, and before ``Resize``
    if the result shall be that of ``mmsrn enhance``.  ``lime`` takes seconds
    for an image: rather process the data set once, with that command.

    Args:
        method (str): A key of ``mmsrn.enhance.METHODS``.
        **params: Parameters of its function.

    Raises:
        ValueError: If there is no such method, if it has no such parameter,
            or if a value is out of range; while running, with the path of the
            image, if the image is not uint8 or of another shape than (h, w)
            or (h, w, 3).

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
