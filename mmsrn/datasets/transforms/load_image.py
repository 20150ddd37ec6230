"""The first transform of every pipeline: load an upright image."""

from __future__ import annotations

import mmcv.transforms
import mmengine.fileio as fileio
import numpy as np
from mmdet.registry import TRANSFORMS

from mmsrn.utils.image_files import ABOUT_ONE_IMAGE, decode_image
from mmsrn.utils.one_line import one_line

__all__ = ['LoadImageFromFile']


@TRANSFORMS.register_module()
class LoadImageFromFile(mmcv.transforms.LoadImageFromFile):
    """mmcv's transform, which also turns WebP and AVIF photos upright.

    It replaces mmcv's in mmdet's registry, so configs need no change.  OpenCV
    follows the EXIF orientation of JPEG, PNG and TIFF files; here that of WebP
    and AVIF counts too, as in ``FaceDetector``.  Everything else is equal to
    mmcv's, bit by bit.

    Args:
        *args: See mmcv.
        **kwargs: See mmcv; with another ``color_type`` than ``'color'``,
            another ``imdecode_backend`` than ``'cv2'``, or
            ``file_client_args``, mmcv does the work.

    Raises:
        OSError: While running, if the image cannot be read, unless
            ``ignore_empty`` is set.
    """

    def transform(self, results: dict) -> dict | None:
        """Load the image.

        Args:
            results (dict): With ``img_path``.

        Returns:
            dict, optional: The same with ``img``, ``img_shape`` and
            ``ori_shape``; None if it cannot be read and ``ignore_empty`` is
            set.
        """
        if (
            self.color_type != 'color'
            or self.imdecode_backend != 'cv2'
            or self.file_client_args is not None
        ):
            return super().transform(results)
        path = results['img_path']
        try:
            data = fileio.get(path, backend_args=self.backend_args)
            image = decode_image(data, check=False)
        except ABOUT_ONE_IMAGE as error:
            if self.ignore_empty:
                return None
            reason = getattr(error, 'strerror', None) or one_line(error)
            raise OSError(f'failed to load image: {path}: {reason}') from error
        if self.to_float32:
            image = image.astype(np.float32)
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results
