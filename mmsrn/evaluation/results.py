"""Results of a detector, read in any layout and evaluated."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmsrn.structures.face_set import FaceSet

from .protocols import FaceEvaluation, FaceProtocol, worst_images
from .protocols.extras import extra_numbers
from .readers import (
    AnnotationError,
    EvaluationWarning,
    read_coco_results,
    read_dump_protocol,
    read_mmdet_dump,
    read_submission,
)

_DUMPS = ('.pkl', '.pickle')
#: Where neither the results nor the user say how images were tested.
NOT_GIVEN = 'not given'


@dataclass
class Result:
    """What is known of one set of results.

    Attributes:
        name (str): Its name in tables.
        path (str): Where it was read.
        evaluation (FaceEvaluation): Curves.
        tested (str): How the images were tested.
        extras (dict): Numbers of the analyses.
        worst (list): Images with the most errors.
        worst_score (float, optional): From which score on they are counted.
        warnings (list[str]): What the user must know.
    """

    name: str
    path: str
    evaluation: FaceEvaluation
    tested: str = NOT_GIVEN
    extras: dict[str, float | None] = field(default_factory=dict)
    worst: list = field(default_factory=list)
    worst_score: float | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> dict[str, float | None]:
        """dict: AP by setting, then the analyses."""
        return {**self.evaluation.ap, **self.extras}

    @property
    def num_detections(self) -> int:
        """int: Detections on images of the ground truth."""
        return sum(map(len, self.evaluation.predictions))

    def as_json(self) -> dict:
        """Return everything, with all digits."""
        curves = self.evaluation.curves
        content = dict(
            self.numbers,
            protocol=self.tested,
            prediction=self.path,
            ground_truth=self.evaluation.ground_truth.version,
            images=len(self.evaluation.predictions),
            detections=self.num_detections,
            faces={name: x.num_faces for name, x in curves.items()},
            warnings=self.warnings,
        )
        if self.worst_score is not None:
            content['worst_images'] = [x._asdict() for x in self.worst]
            content['worst_images_score'] = self.worst_score
        return content


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect what an evaluation warns of.

    Yields:
        list[str]: At the end of the block, the texts.
    """
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', EvaluationWarning)
        yield texts
    texts += [
        str(x.message)
        for x in caught
        if issubclass(x.category, EvaluationWarning)
    ]


def read_predictions(
    path: str,
    names: list[str] | None,
    protocol: FaceProtocol,
    label: int | None = None,
    ann_file: str | None = None,
    strict: bool = False,
) -> dict[str, np.ndarray]:
    """Read results in any layout.

    Args:
        path (str): Folder or zip of text files, ``.pkl`` or ``.json``.
        names (list[str], optional): Images of the ground truth.
        protocol (FaceProtocol): Of the evaluation.
        label (int, optional): Class to take from a dump or json.
        ann_file (str, optional): COCO annotations of a json.
        strict (bool): See :func:`mmsrn.evaluation.readers.read_submission`.

    Returns:
        dict[str, np.ndarray]: Image to (n, 5), boxes as the protocol has
        them.

    Raises:
        AnnotationError: If it cannot be read.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _DUMPS:
        found = read_mmdet_dump(path, names, label)
    elif suffix == '.json':
        found = read_coco_results(path, names, label, ann_file)
    elif names is None:
        raise AnnotationError(
            f'{path}: name the ground truth too (--gt), which tells the images'
        )
    else:
        return read_submission(path, names, protocol.header, strict)
    if protocol.corners:
        return {name: _as_corners(rows) for name, rows in found.items()}
    return found


def _as_corners(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[:, 2:4] += rows[:, :2]
    return rows


def _as_sides(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[:, 2:4] -= rows[:, :2]
    return rows


def evaluate_path(
    path: str,
    name: str,
    truth: FaceSet,
    protocol: FaceProtocol,
    tested: str | None = None,
    extras: tuple[str, ...] = (),
    num_worst: int = 20,
    **reading,
) -> Result:
    """Read and evaluate one set of results.

    Args:
        path (str): See :func:`read_predictions`.
        name (str): For tables.
        truth (FaceSet): The faces.
        protocol (FaceProtocol): Of the evaluation.
        tested (str, optional): How the images were tested; by default as a
            dump says.
        extras (tuple[str]): Further analyses.
        num_worst (int): Images to list.
        **reading: Further arguments of :func:`read_predictions`; ``strict``
            makes an error of every warning.

    Returns:
        Result: Numbers, curves and warnings.

    Raises:
        ValueError: If it cannot be read or evaluated, or there is a warning
            and ``strict`` is set.
    """
    with collected_warnings() as texts:
        found = read_predictions(path, truth.names, protocol, **reading)
        result = Result(name, path, protocol.evaluate(found, truth))
    with collected_warnings():  # of boxes that are not the user's
        hint = _other_form(result, found, truth, protocol)
    if tested is None and Path(path).suffix.lower() in _DUMPS:
        tested = read_dump_protocol(path)
    result.tested = tested or NOT_GIVEN
    result.warnings = texts + [hint] * bool(hint)
    if reading.get('strict') and result.warnings:
        raise ValueError(f'{path}: {result.warnings[0]}')
    result.extras = extra_numbers(result.evaluation, extras)
    if 'worst' in extras:
        setting = list(result.evaluation.curves)[-1]
        result.worst_score, result.worst = worst_images(
            result.evaluation, setting, num_worst
        )
    return result


def _other_form(
    result: Result,
    found: Mapping[str, np.ndarray],
    truth: FaceSet,
    protocol: FaceProtocol,
) -> str:
    """Say if boxes would fit far better in the other form."""
    setting, ap = list(result.evaluation.ap.items())[-1]
    if ap > 0.1 or not result.num_detections:
        return ''
    turn = _as_corners if protocol.corners else _as_sides
    turned = {name: turn(rows) for name, rows in found.items()}
    other = protocol.evaluate(turned, truth).ap[setting]
    if other < max(0.05, 3 * ap):
        return ''
    forms = ('x y w h', 'x1 y1 x2 y2')
    wanted, given = forms if not protocol.corners else forms[::-1]
    return (
        f'the boxes seem to be {given}, but this layout has {wanted}: turned '
        f'into that, {setting} would be {other:.4f}'
    )
