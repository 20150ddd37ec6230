"""Experiments on dark photos: their sets, results, and what they found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mmcv.transforms import Compose
from mmdet.registry import DATASETS, TRANSFORMS
from mmengine.config import Config, ConfigDict

from mmsrn.cli.config import innermost_datasets
from mmsrn.datasets import Enhance
from mmsrn.evaluation.protocols import DARK_FACE
from mmsrn.evaluation.results import Result, evaluate_path
from mmsrn.structures.face_set import FaceSet, face_set
from mmsrn.utils.image_files import ABOUT_ONE_IMAGE, read_image
from mmsrn.visualization import draw_detections, match_detections

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
        """Draw them, see ``draw_detections``."""
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
        test_set (TestSet): What it was tested on.
        result (Result): What came out.
    """

    name: str
    train_set: str
    test_set: TestSet
    result: Result

    @property
    def ap(self) -> float:
        """float: Average precision in [0, 1]."""
        (ap,) = self.result.evaluation.ap.values()
        return ap

    def found(self, score_thr: float) -> dict[str, Found]:
        """Compare detections and faces, image by image."""
        return {
            name: Found(rows[rows[:, 4] >= score_thr], *faces)
            for name, rows, faces in zip(
                self.test_set.images,
                self.result.evaluation.predictions,
                self.test_set.faces,
            )
        }


def name_set(dataset: ConfigDict) -> str:
    """Name a set after its folders, the part of it, and what is made of it.

    Args:
        dataset (ConfigDict): A dataset, perhaps of others.

    Returns:
        str: ``'widerface (train) + darkface (5000_1000/train), msrcr'`` for
        sets in ``data/widerface/`` and ``data/darkface/``, of which the
        second is processed by MSRCR.
    """
    names = []
    for leaf in innermost_datasets(dataset):
        name = Path(leaf.get('data_root') or leaf['type']).name
        ann_file = Path(leaf.get('ann_file') or '')
        part = leaf.get('split') or (ann_file.suffix and ann_file.stem)
        if part:
            name += f' ({part})'
        for transform in _enhancements(leaf):
            name += f', {transform["method"]}'
        names.append(name)
    return ' + '.join(dict.fromkeys(names))


def _enhancements(dataset: ConfigDict) -> list[ConfigDict]:
    """Transforms of a pipeline that brighten images."""
    return [
        x
        for x in dataset.get('pipeline') or ()
        if TRANSFORMS.get(x['type']) is Enhance
    ]


@dataclass
class TestSet:
    """Images of a test and their faces.

    Attributes:
        name (str): For people to read.
        images (dict[str, str]): Paths by name, in the order of the names.
        truth (FaceSet): The faces, in the same order.
        enhancements (list): Configs of transforms that brighten the images.
    """

    name: str
    images: dict[str, str]
    truth: FaceSet
    enhancements: list[ConfigDict]

    @property
    def faces(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """list: For each image the faces that count, and the others."""
        (setting,) = self.truth.settings.values()
        starts = np.cumsum([len(x) for x in setting.faces])[:-1]
        counts = np.split(setting.counts, starts)
        return [(x[c], x[~c]) for x, c in zip(setting.faces, counts)]

    def read(self, name: str) -> np.ndarray:
        """Read an image as the pipeline has it before it resizes."""
        results = dict(img=read_photo(self.images[name]))
        return Compose(self.enhancements)(results)['img']

    def differs_from(self, other: TestSet) -> str:
        """What makes numbers of two sets incomparable, if anything."""
        if list(self.images) != list(other.images):
            return 'other images'
        for mine, others in zip(self.faces, other.faces):
            for some, rest in zip(mine, others):
                if sorted(some.tolist()) != sorted(rest.tolist()):
                    return 'other faces'
        return ''


def read_photo(path: str | Path) -> np.ndarray:
    """Read an image, or say that it cannot be read."""
    try:
        return read_image(Path(path))
    except ABOUT_ONE_IMAGE as error:
        raise ValueError(
            f'{path}: is no image, or damaged ({error}); restore it'
        ) from error


def read_test_set(cfg: Config) -> TestSet:
    """Read images and faces of a config's test set."""
    settings = cfg.test_dataloader.dataset
    dataset = DATASETS.build({**settings, 'pipeline': []})
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    infos = {Path(x['img_path']).stem: x for x in infos}
    infos = dict(sorted(infos.items()))
    faces, counts = [], []
    for info in infos.values():
        boxes = [x['bbox'] for x in info['instances']]
        ignored = [x.get('ignore_flag', 0) for x in info['instances']]
        faces.append(np.array(boxes, np.float64).reshape(-1, 4))
        counts.append(~np.array(ignored, bool))
    name = name_set(settings)
    if cfg.model.type == 'EnhancedDetector':
        name += f', {cfg.model.enhancer.type}'
    return TestSet(
        name,
        {name: info['img_path'] for name, info in infos.items()},
        face_set(list(infos), faces, counts, setting='ap'),
        _enhancements(settings),
    )


def collect(
    name: str, cfg: Config, test_set: TestSet, results: str
) -> Experiment:
    """Evaluate the results of an experiment."""
    train_set = name_set(cfg.train_dataloader.dataset)
    result = evaluate_path(results, name, test_set.truth, DARK_FACE)
    return Experiment(name, train_set, test_set, result)
