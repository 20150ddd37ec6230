"""The page of darkface_report.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from dark_experiments import Experiment, Found
from dark_photos import PhotoDetector
from face_report import pr_figure

from mmsrn.visualization import HtmlReport

HEAD = ('experiment', 'training dataset', 'testing dataset', 'AP, %')
_COLOURS = (
    'Green: found face. Orange corners: missed face. Red: false detection.'
)


def table(experiments: Sequence[Experiment]) -> list[list[str]]:
    """Fill the table.

    Args:
        experiments (Sequence[Experiment]): In the order of the rows.

    Returns:
        list[list[str]]: Rows below ``HEAD``.
    """
    return [
        [x.name, x.train_set, x.test_set, f'{100 * x.ap:.2f}']
        for x in experiments
    ]


def choose(
    before: Sequence[Found], after: Sequence[Found], number: int
) -> list[int]:
    """Choose images to show.

    Args:
        before (Sequence[Found]): What one detector found, by image.
        after (Sequence[Found]): What another one did.
        number (int): Of images.

    Returns:
        list[int]: Indices: those where the other one finds most more, for the
        first half; then those with its most errors.
    """
    gains = [b.hits - a.hits for a, b in zip(before, after)]
    errors = [x.misses + x.false for x in after]
    best = np.argsort(-np.array(gains), kind='stable').tolist()
    worst = np.argsort(-np.array(errors), kind='stable').tolist()
    chosen = best[: (number + 1) // 2]
    chosen += [i for i in worst if i not in chosen]
    return chosen[:number]


def write_page(
    path: Path,
    experiments: Sequence[Experiment],
    number: int,
    score_thr: float,
    detector: PhotoDetector | None = None,
    photos: Iterable[Path] = (),
) -> Path:
    """Write the page and its pictures.

    Args:
        path (Path): The page.
        experiments (Sequence[Experiment]): On the same images.
        number (int): Test images to show.
        score_thr (float): Lowest score of detections that are drawn.
        detector (PhotoDetector, optional): For the photos.
        photos (Iterable[Path]): Further photos.

    Returns:
        Path: The page.

    Raises:
        ValueError: If an image cannot be read.
    """
    report = HtmlReport(path, 'Faces in the dark')
    report.table(HEAD, table(experiments))
    first = experiments[0]
    (curve,) = first.result.evaluation.curves.values()
    report.text(
        f'AP as the published tool of DARK FACE computes it, of '
        f'{len(first.images):,} images with {curve.num_faces:,} faces.'
    )
    report.picture('pr.png', pr_figure([x.result for x in experiments]))
    _test_images(report, experiments, number, score_thr)
    if detector is not None:
        report.section('Further photos')
        report.text(
            f'Detected by the detector of {experiments[-1].name}, score at '
            f'least {score_thr:g}. {_COLOURS} Where there are no labels, all '
            'detections are green.'
        )
        for photo in photos:
            report.row(
                (
                    f'{photo.stem}_{form}.jpg',
                    found.draw(image),
                    f'{photo.name}, {form}: {found}',
                )
                for form, image, found in detector(photo)
            )
    return report.save()


def _test_images(
    report: HtmlReport,
    experiments: Sequence[Experiment],
    number: int,
    score_thr: float,
) -> None:
    first, last = experiments[0], experiments[-1]
    found = [list(x.found(score_thr)) for x in experiments]
    report.section('Test images')
    report.text(
        'Each as the detectors got it, with detections of a score of at least '
        f'{score_thr:g}. {_COLOURS} First the images where {last.name} finds '
        f'most more faces than {first.name}, then those where it makes the '
        'most errors.'
    )
    names = list(first.images)
    for i in choose(found[0], found[-1], number):
        pictures = [('raw', _read(first.images[names[i]]), names[i])]
        for experiment, of_images in zip(experiments, found):
            image = _read(experiment.images[names[i]])
            caption = f'{experiment.name}: {of_images[i]}'
            pictures.append(
                (experiment.name, of_images[i].draw(image), caption)
            )
        report.row(
            (f'{names[i]}_{kind}.jpg', picture, caption)
            for kind, picture, caption in pictures
        )


def _read(path: str) -> np.ndarray:
    image = cv2.imread(path)
    if image is None:
        raise ValueError(f'{path}: cannot be read; restore it')
    return image
