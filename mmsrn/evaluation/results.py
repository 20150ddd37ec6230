"""Results of a detector, read in any layout and evaluated."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmsrn.structures.face_set import FaceSet

from .box_formats import (
    BoxFormat,
    Sizes,
    read_sizes,
    to_protocol,
)
from .box_recognition import recognise
from .protocols import FaceEvaluation, FaceProtocol, worst_images
from .protocols.extras import extra_numbers
from .readers import (
    AnnotationError,
    EvaluationWarning,
    is_bulk_folder,
    read_bulk_results,
    read_coco_results,
    read_dump_protocol,
    read_mmdet_dump,
    read_submission,
)

_DUMPS = ('.pkl', '.pickle')
#: Where neither the results nor the user say how images were tested.
NOT_GIVEN = 'not given'
# AP up to which boxes may be in another form.
_HARDLY_ANY = 0.25


@dataclass
class Result:
    """Everything about one set of results.

    Attributes:
        name (str): Its name in tables.
        path (str): Where it was read.
        evaluation (FaceEvaluation): Curves.
        tested (str): How the images were tested.
        extras (dict): Numbers of the analyses.
        worst (list): Images with the most errors.
        worst_score (float, optional): Score from which on errors are counted.
        warnings (list[str]): Warnings for the user.
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
    """Collect the warnings of an evaluation.

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


@dataclass(frozen=True)
class Reading:
    """Options for reading results.

    Attributes:
        label (int, optional): Class to take from a dump or json.
        ann_file (str, optional): COCO annotations of a json.
        strict (bool): Make an error of every warning.
        box_format (BoxFormat, optional): Form of the boxes; by default that of
            the layout.
        images (str, optional): Folder of the images, if ``box_format`` needs
            their sizes.
    """

    label: int | None = None
    ann_file: str | None = None
    strict: bool = False
    box_format: BoxFormat | None = None
    images: str | None = None


def read_predictions(
    path: str,
    names: list[str] | None,
    protocol: FaceProtocol,
    reading: Reading = Reading(),
) -> dict[str, np.ndarray]:
    """Read results in any layout.

    Args:
        path (str): Folder or zip of text files, folder of Parquet files,
            ``.pkl`` or ``.json``.
        names (list[str], optional): Images of the ground truth.
        protocol (FaceProtocol): Of the evaluation.
        reading (Reading): Options.

    Returns:
        dict[str, np.ndarray]: Image to (n, 5), boxes as the protocol has
        them.

    Raises:
        AnnotationError: If it cannot be read.
    """
    found, given = _read(path, names, protocol, reading)
    sizes = _sizes(reading, given, list(found) if names is None else names)
    return to_protocol(found, given, protocol, sizes)


def _read(
    path: str,
    names: list[str] | None,
    protocol: FaceProtocol,
    reading: Reading,
) -> tuple[dict[str, np.ndarray], BoxFormat]:
    """Read results as they are, and how they are meant."""
    if Path(path).exists() and not (
        Path(path).is_file() or Path(path).is_dir()
    ):
        raise AnnotationError(f'{path}: is neither a file nor a folder')
    suffix = Path(path).suffix.lower()
    given = BoxFormat('xywh')
    if suffix in _DUMPS:
        found = read_mmdet_dump(path, names, reading.label)
    elif suffix == '.json':
        found = read_coco_results(path, names, reading.label, reading.ann_file)
    elif Path(path).is_dir() and is_bulk_folder(path):
        found = read_bulk_results(path, names)
        given = BoxFormat('xyxy')
    elif names is None:
        raise AnnotationError(
            f'{path}: name the ground truth too (--gt), which tells the images'
        )
    else:
        found = read_submission(path, names, protocol.header, reading.strict)
        given = BoxFormat('xyxy' if protocol.corners else 'xywh')
    return found, reading.box_format or given


def _sizes(reading: Reading, given: BoxFormat, names: list[str]) -> Sizes:
    if reading.images is not None:
        return read_sizes(reading.images, names)
    if given.needs_sizes:
        raise AnnotationError(
            f'--box-format {given} needs the sizes of the images: '
            '--images FOLDER'
        )
    return {}


def evaluate_path(
    path: str,
    name: str,
    truth: FaceSet,
    protocol: FaceProtocol,
    tested: str | None = None,
    extras: tuple[str, ...] = (),
    num_worst: int = 20,
    reading: Reading = Reading(),
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
        reading (Reading): Options.

    Returns:
        Result: Numbers, curves and warnings.

    Raises:
        ValueError: If it cannot be read or evaluated, or there is a warning
            and ``strict`` is set.
    """
    with collected_warnings() as texts:
        rows, given = _read(path, truth.names, protocol, reading)
        sizes = _sizes(reading, given, truth.names)
        found = to_protocol(rows, given, protocol, sizes)
        result = Result(name, path, protocol.evaluate(found, truth))
    hint = ''
    ap = list(result.evaluation.ap.values())[-1]
    if ap <= _HARDLY_ANY and result.num_detections:
        with collected_warnings():  # of boxes that are not the user's
            hint = recognise(rows, given, truth, protocol, ap, sizes)
    if tested is None and Path(path).suffix.lower() in _DUMPS:
        tested = read_dump_protocol(path)
    result.tested = tested or NOT_GIVEN
    result.warnings = texts + [hint] * bool(hint)
    if reading.strict and result.warnings:
        raise ValueError(f'{path}: {result.warnings[0]}')
    result.extras = extra_numbers(result.evaluation, extras)
    if 'worst' in extras:
        setting = list(result.evaluation.curves)[-1]
        result.worst_score, result.worst = worst_images(
            result.evaluation, setting, num_worst
        )
    return result
