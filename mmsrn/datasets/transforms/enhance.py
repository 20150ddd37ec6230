"""The enhancement methods of :mod:`mmsrn.enhance` as transforms."""

from __future__ import annotations

from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from ...enhance import make_enhancer

__all__ = [
    'CLAHE',
    'LIME',
    'MSRCP',
    'MSRCR',
    'AdaptiveGamma',
    'AutomatedMSRCR',
    'GammaCorrection',
    'HistogramEqualization',
    'LinearGain',
    'MultiFusion',
    'MultiScaleRetinex',
]


class _Enhancement(BaseTransform):
    """Enhance the image with one method.

    Required and modified key: ``img``, uint8; so it stands after
    ``LoadImageFromFile``, before whatever makes floats, and before ``Resize``
    if the result shall be that of the offline tool.

    Args:
        **params: Parameters of the method's function.

    Raises:
        ValueError: If the method has no such parameter or its value is out of
            range; while running, with the path of the image, if the image is
            not uint8 or of another shape than (h, w) or (h, w, 3).
    """

    method: str  # a key of mmsrn.enhance.METHODS

    def __init__(self, **params) -> None:
        self.params = params
        try:
            self.enhance = make_enhancer(self.method, **params)
        except (TypeError, ValueError) as error:
            raise ValueError(f'{type(self).__name__}: {error}') from error

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
            raise ValueError(
                f'{type(self).__name__}: {name}: {error}'
            ) from error
        return results

    def __repr__(self) -> str:
        params = ', '.join(f'{k}={v!r}' for k, v in self.params.items())
        return f'{type(self).__name__}({params})'


@TRANSFORMS.register_module()
class MSRCR(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.msrcr`."""

    method = 'msrcr'


@TRANSFORMS.register_module()
class AutomatedMSRCR(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.automated_msrcr`."""

    method = 'automated_msrcr'


@TRANSFORMS.register_module()
class MSRCP(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.msrcp`."""

    method = 'msrcp'


@TRANSFORMS.register_module()
class MultiScaleRetinex(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.multi_scale_retinex`."""

    method = 'msr'


@TRANSFORMS.register_module()
class GammaCorrection(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.gamma_correction`."""

    method = 'gamma'


@TRANSFORMS.register_module()
class AdaptiveGamma(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.adaptive_gamma`."""

    method = 'adaptive_gamma'


@TRANSFORMS.register_module()
class LinearGain(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.linear_gain`."""

    method = 'linear_gain'


@TRANSFORMS.register_module()
class HistogramEqualization(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.histogram_equalization`.

    mmdet's ``Equalize(prob=1)`` does nearly the same with the rounding of
    PIL, on each channel only.
    """

    method = 'hist_eq'


@TRANSFORMS.register_module()
class CLAHE(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.clahe`."""

    method = 'clahe'


@TRANSFORMS.register_module()
class LIME(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.lime`.

    Takes seconds per image: rather process the data set once, with
    ``mmsrn enhance``.
    """

    method = 'lime'


@TRANSFORMS.register_module()
class MultiFusion(_Enhancement):
    """Parameters: see :func:`mmsrn.enhance.multi_fusion`."""

    method = 'mf'
