"""The protocol of DARK FACE."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmsrn.evaluation.readers import read_dark_face
from mmsrn.structures.face_set import FaceSet

from .face_protocol import FaceEvaluation, FaceProtocol

__all__ = ['DARK_FACE', 'eval_darkface']

#: As the published Octave tool evaluates it: scores that are all equal
#: become 1, and the ground truth is a folder of label files or a split list.
DARK_FACE = FaceProtocol(
    name='DARK FACE',
    read_truth=read_dark_face,
    corners=True,
    header=False,
    folders=0,
    equal='one',
    setting='ap',
    metric_key='dark_face',
)


def eval_darkface(
    predictions: Mapping[str, np.ndarray], ground_truth: FaceSet
) -> FaceEvaluation:
    """Evaluate as the DARK FACE tool does.

    Args:
        predictions (Mapping[str, np.ndarray]): Image to (n, 5), x1 y1 x2 y2
            score in pixels of the original image, in the order of the file.
        ground_truth (FaceSet): The faces, for instance of
            :func:`mmsrn.evaluation.readers.read_dark_face`.

    Returns:
        FaceEvaluation: AP in [0, 1], curve and matches.

    Raises:
        ValueError: If a prediction is malformed, or none belongs to an image
            of the ground truth.

    Warns:
        EvaluationWarning: See
            :func:`~mmsrn.evaluation.protocols.eval_widerface`.
    """
    return DARK_FACE.evaluate(predictions, ground_truth)
