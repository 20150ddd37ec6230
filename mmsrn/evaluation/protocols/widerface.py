"""The protocol of WIDER FACE."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmsrn.evaluation.readers import read_wider_face_mat, read_wider_face_set
from mmsrn.structures.face_set import FaceSet

from .face_protocol import FaceEvaluation, FaceProtocol

__all__ = ['WIDER_FACE', 'eval_widerface', 'read_wider_face']


def read_wider_face(path: str | Path) -> FaceSet:
    """Read ground truth of either layout.

    Args:
        path (str | Path): Folder of the four ``.mat`` files, or annotations
            in the layout of ``wider_face_val_bbx_gt.txt``.

    Returns:
        FaceSet: Settings ``easy``, ``medium`` and ``hard`` from the folder,
        ``all`` from annotations.

    Raises:
        AnnotationError: If a file is missing or malformed.
    """
    if Path(path).is_file():
        return read_wider_face_set(path)
    return read_wider_face_mat(path)


#: As the published MATLAB tool evaluates it: 0 / 0 where all scores are
#: equal, and ``event/image`` as the name of an image.
WIDER_FACE = FaceProtocol(
    name='WIDER FACE',
    read_truth=read_wider_face,
    corners=False,
    header=True,
    folders=1,
    equal='nan',
    setting='all',
    metric_key='wider_face',
)


def eval_widerface(
    predictions: Mapping[str, np.ndarray], ground_truth: FaceSet
) -> FaceEvaluation:
    """Evaluate as the WIDER FACE tool does.

    Args:
        predictions (Mapping[str, np.ndarray]): Image to (n, 5), x y w h score
            in pixels of the original image, in the order of the file, which
            decides between equal scores.
        ground_truth (FaceSet): The faces, for instance of
            :func:`mmsrn.evaluation.readers.read_wider_face_mat`.

    Returns:
        FaceEvaluation: AP in [0, 1] by setting, curves and matches.

    Raises:
        ValueError: If a prediction is malformed, or none belongs to an image
            of the ground truth.

    Warns: EvaluationWarning: If images have no predictions, predictions belong
    to images that are not evaluated, scores are NaN, infinite, all equal or
    never positive, or corners are NaN or in the wrong order.  The result is
    that of the published tool.

    Example:
        >>> import numpy as np
        >>> from mmsrn.structures.face_set import face_set
        >>> truth = face_set(['a'], [np.array([[10, 10, 50, 60]])])
        >>> found = np.array([[10, 10, 40, 50, 0.9], [70, 70, 9, 9, 0.1]])
        >>> eval_widerface({'a': found}, truth).ap
        {'all': 1.0}
    """
    return WIDER_FACE.evaluate(predictions, ground_truth)
