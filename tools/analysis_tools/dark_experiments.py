"""Experiments on dark photos: their sets, results, and what they found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from face_results import Benchmark, Result, evaluate_path
from mmdet.registry import DATASETS, TRANSFORMS
from mmengine.config import Config, ConfigDict

from mmsrn.enhance import METHODS
from mmsrn.evaluation.functional import FaceSet, eval_darkface, face_set
from mmsrn.utils.launch import leaves
from mmsrn.visualization import draw_detections, match_detections

#: Of DARK FACE; there is nothing to read, the dataset has the faces.
_BENCHMARK = Benchmark(None, eval_darkface, header=False, corners=True)

_LONG_SIDE = 1000  # pixels of a picture, about


@dataclass
class Found:
    """Detections and faces of an image.

    Attributes:
        rows (np.ndarray): Detections x1, y1, x2, y2 in pixels, score, (n, 5).
        faces (np.ndarray, optional): Faces that count, corners (k, 4); None
            where nobody has labelled them.
        ignored (np.ndarray): Faces that do not, (m, 4).
    """

    rows: np.ndarray
    faces: np.ndarray | None
    ignored: np.ndarray = field(default_factory=lambda: np.empty((0, 4)))

    def __post_init__(self) -> None:
        order = np.argsort(-self.rows[:, 4], kind='stable')
        self.rows = self.rows[order]
        if self.faces is None:
            return
        verdict, found = match_detections(
            self.rows[:, :4], self.faces, self.ignored
        )
        self.hits = int(found.sum())
        self.misses = len(self.faces) - self.hits
        self.false = int((verdict < 0).sum())

    def __str__(self) -> str:
        if self.faces is None:
            return f'{len(self.rows)} found'
        return f'{self.hits} of {len(self.faces)} found, {self.false} false'

    def draw(self, image: np.ndarray) -> np.ndarray:
        """Draw them, see ``draw_detections``.

        Args:
            image (np.ndarray): BGR, (h, w, 3) uint8.

        Returns:
            np.ndarray: The picture; small images are enlarged.
        """
        boxes = self.rows[:, :4]
        return draw_detections(
            image,
            boxes,
            self.rows[:, 4],
            boxes if self.faces is None else self.faces,
            self.ignored,
            score_thr=-np.inf,
            zoom=max(1, round(_LONG_SIDE / max(image.shape[:2]))),
        )


@dataclass
class Experiment:
    """A detector on a test set.

    Attributes:
        name (str): As in the table.
        train_set (str): What it was trained with, for people to read.
        test_set (str): What it was tested on, for people to read.
        images (dict[str, str]): Paths of the test images by name.
        truth (FaceSet): Their faces.
        result (Result): What came out.
    """

    name: str
    train_set: str
    test_set: str
    images: dict[str, str]
    truth: FaceSet
    result: Result

    @property
    def ap(self) -> float:
        """float: Average precision in [0, 1]."""
        (ap,) = self.result.evaluation.ap.values()
        return ap

    def found(self, score_thr: float) -> Iterator[Found]:
        """Compare detections and faces, image by image.

        Args:
            score_thr (float): Lowest score of detections that count.

        Yields:
            Found: Of the images as in ``images``.
        """
        (setting,) = self.truth.settings.values()
        starts = np.cumsum([len(x) for x in setting.faces])[:-1]
        for rows, faces, counts in zip(
            self.result.evaluation.predictions,
            setting.faces,
            np.split(setting.counts, starts),
        ):
            rows = rows[rows[:, 4] >= score_thr]
            yield Found(rows, faces[counts], faces[~counts])


def name_set(dataset: ConfigDict) -> str:
    """Name a set after its folders, and what its pipeline makes of them.

    Args:
        dataset (ConfigDict): A dataset, perhaps of others.

    Returns:
        str: ``'widerface + darkface, MSRCR'`` for ``data/widerface/`` and
        ``data/darkface/``, whose pipeline has the transform ``MSRCR``.
    """
    names = []
    for leaf in leaves(dataset):
        name = Path(leaf.get('data_root') or leaf['type']).name
        for transform in leaf.get('pipeline') or ():
            kind = TRANSFORMS.get(transform['type'])
            if getattr(kind, 'method', None) in METHODS:
                name += f', {transform["type"]}'
        names.append(name)
    return ' + '.join(dict.fromkeys(names))


def read_test_set(cfg: Config) -> tuple[dict[str, str], FaceSet]:
    """Read images and faces of a config's test set.

    Args:
        cfg (Config): The config.

    Returns:
        tuple[dict[str, str], FaceSet]: Paths of the images by name, and their
        faces.

    Raises:
        ValueError: If it cannot be read.
    """
    dataset = DATASETS.build({**cfg.test_dataloader.dataset, 'pipeline': []})
    images, faces, counts = {}, [], []
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        images[Path(info['img_path']).stem] = info['img_path']
        boxes = [x['bbox'] for x in info['instances']]
        ignored = [x.get('ignore_flag', 0) for x in info['instances']]
        faces.append(np.array(boxes, np.float64).reshape(-1, 4))
        counts.append(~np.array(ignored, bool))
    return images, face_set(list(images), faces, counts, setting='ap')


def collect(name: str, cfg: Config, results: str) -> Experiment:
    """Evaluate the results of an experiment.

    Args:
        name (str): For the table.
        cfg (Config): The config it was tested with.
        results (str): The ``.pkl`` of the test.

    Returns:
        Experiment: Numbers, and what was found where.

    Raises:
        ValueError: If test set or results cannot be read, or do not belong
            together.
    """
    images, truth = read_test_set(cfg)
    result = evaluate_path(results, name, truth, _BENCHMARK)
    return Experiment(
        name,
        name_set(cfg.train_dataloader.dataset),
        name_set(cfg.test_dataloader.dataset),
        images,
        truth,
        result,
    )
