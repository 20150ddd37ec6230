"""Detection with ONNX Runtime, without torch."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsrn.deployment.postprocess import postprocess
from mmsrn.utils.one_line import one_line
from mmsrn.zoo import ZooError

from . import Factors

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from mmsrn.deployment import ModelFacts

__all__ = ['OnnxBackend']

_REMEDY = 'export it with tools/deployment/export_onnx.py'


class OnnxBackend:
    """A detector in an ONNX file, on the CPU.

    Args:
        path (str | Path): A file of ``tools/deployment/export_onnx.py``.
        device (str): ``'auto'`` or ``'cpu'``, which are the same.
        threads (int, optional): Number of threads. By default all cores.

    Attributes:
        facts (dict): Metadata of the file, see
            :class:`mmsrn.deployment.ModelFacts`.

    Raises:
        ZooError: If the file is missing, damaged or no detector, another
            argument is invalid, or onnxruntime is not installed.

    Example:
        >>> backend = OnnxBackend('srn.onnx')
        >>> photo = cv2.imread('photo.jpg')
        >>> (faces,) = backend.predict([photo], [(1.0, 1.0)])
        >>> x1, y1, x2, y2, score = faces[0]
    """

    def __init__(
        self,
        path: str | Path,
        device: str = 'auto',
        threads: int | None = None,
    ) -> None:
        if device not in ('auto', 'cpu'):
            raise ZooError(
                f'device={device!r}: the onnx backend runs on the CPU; set '
                "backend='torch' or device='cpu'"
            )
        if threads is not None and threads < 1:
            raise ZooError(f'threads={threads} is less than 1')
        self._session, self._facts = _open(Path(path), threads)
        classes = self._facts.classes
        if len(classes) > 1:
            raise ZooError(
                f'model {path}: has {len(classes)} classes, but the onnx '
                'backend takes one class, faces; run the file with '
                'onnxruntime and mmsrn.deployment.postprocess'
            )
        self.facts = asdict(self._facts)
        self._limits = self._facts.limits

    @property
    def max_faces(self) -> int | None:
        """int, optional: Most faces of an image; None: no limit."""
        most = self._limits['max_per_img']
        return most if most >= 0 else None

    def set_max_faces(self, number: int) -> None:
        """Set the most faces of an image.

        Args:
            number (int): From 1 on.

        Raises:
            ZooError: If NMS, with its limit, is part of the graph.
        """
        if self._facts.nms_in_graph and number > (self.max_faces or 0):
            raise ZooError(
                f'max_faces={number}: the graph of this model limits it to '
                f'{self.max_faces}; {_REMEDY} without --nms'
            )
        pre = self._limits['nms_pre']
        self._limits |= dict(
            max_per_img=number, nms_pre=pre if pre < 0 else max(pre, number)
        )

    def predict(
        self, images: list[np.ndarray], factors: list[Factors]
    ) -> list[np.ndarray]:
        """Find faces.

        Photos of one size go through the network together.

        Args:
            images (list[np.ndarray]): BGR uint8 (h, w, 3), of any sizes,
                already resized.
            factors (list[Factors]): See ``Backend``. If NMS is part of the
                graph, boxes are divided by them after it.

        Returns:
            list[np.ndarray]: (n, 5) float32 each, see ``Backend``.

        Raises:
            ValueError: If an image has another shape or type.
        """
        groups: dict[tuple, list[int]] = defaultdict(list)
        for i, image in enumerate(images):
            _check(image, i)
            groups[image.shape].append(i)
        # As mmdet rounds them.
        back = [np.float32([1 / x, 1 / y] * 2) for x, y in factors]
        found: list[np.ndarray] = [np.zeros((0, 5), np.float32)] * len(images)
        for indices in groups.values():
            faces = self._predict_batch(
                np.stack([images[i] for i in indices]),
                [back[i] for i in indices],
            )
            for i, rows in zip(indices, faces):
                found[i] = rows
        return found

    def _predict_batch(
        self, batch: np.ndarray, back: list[np.ndarray]
    ) -> list[np.ndarray]:
        """Faces of photos of one size, and what maps their boxes back."""
        boxes, scores, where = self._session.run(
            ['boxes', 'scores', self._where], {'images': batch}
        )
        if self._facts.nms_in_graph:
            most = self.max_faces
            own = [np.flatnonzero(where == i)[:most] for i in range(len(back))]
            return [
                np.column_stack([boxes[faces] * x, scores[faces]])
                for faces, x in zip(own, back)
            ]
        return [
            self._suppress(box * x, score, where)
            for box, score, x in zip(boxes, scores, back)
        ]

    @property
    def _where(self) -> str:
        """The output that says what the others belong to."""
        return 'batch_index' if self._facts.nms_in_graph else 'levels'

    def _suppress(self, boxes, scores, levels) -> np.ndarray:
        """Faces of one photo from its candidates."""
        boxes, scores, _ = postprocess(boxes, scores, levels, **self._limits)
        return np.column_stack([boxes, scores])


def _open(
    path: Path, threads: int | None
) -> tuple[InferenceSession, ModelFacts]:
    """Start a session with a file, and read what it says about itself."""
    try:
        from mmsrn.deployment.session import facts_of, start_session
    except ImportError as error:
        raise ZooError(
            'onnxruntime is not installed: pip install onnxruntime'
        ) from error
    if not path.is_file():
        raise ZooError(f'model {path}: is not a file; {_REMEDY}')
    try:
        session = start_session(str(path), threads)
    except Exception as error:  # of many kinds, none of them documented
        raise ZooError(
            f'model {path}: cannot be read as ONNX: '
            f'{one_line(error, most=160)}; {_REMEDY}'
        ) from error
    try:
        facts = facts_of(session)
        _check_graph(session, facts)
        return session, facts
    except ValueError as error:
        raise ZooError(
            f'model {path}: is not a detector of mmsrn: {error}; {_REMEDY}'
        ) from None


def _check_graph(session: InferenceSession, facts: ModelFacts) -> None:
    """Refuse a graph that is not what its facts say."""
    given = [(x.name, x.type, len(x.shape)) for x in session.get_inputs()]
    outputs = {x.name: len(x.shape) for x in session.get_outputs()}
    ranks = dict(boxes=3, scores=3, levels=1)
    if facts.nms_in_graph:
        ranks = dict(boxes=2, scores=1, batch_index=1)
    if given != [('images', 'tensor(uint8)', 4)] or any(
        outputs.get(name) != rank for name, rank in ranks.items()
    ):
        raise ValueError('it has other inputs or outputs')


def _check(image: np.ndarray, index: int) -> None:
    """Refuse what is no photo."""
    shape, dtype = np.shape(image), getattr(image, 'dtype', type(image))
    if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.uint8:
        raise ValueError(
            f'image {index} must be BGR, uint8, (h, w, 3); it is {dtype}, '
            f'{shape}'
        )
