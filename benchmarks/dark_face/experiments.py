"""Experiments on dark photos: their sets, results, and what they found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmcv.transforms import Compose
from mmdet.registry import TRANSFORMS
from mmengine.config import Config, ConfigDict

from benchmarks.detectors.labelled_sets import LabelledPhoto, read_photos
from mmsrn.apis.photos import read_photo
from mmsrn.cli.config import innermost_datasets
from mmsrn.datasets import Enhance
from mmsrn.evaluation.protocols import DARK_FACE
from mmsrn.evaluation.results import Result, evaluate_path
from mmsrn.structures.face_set import FaceSet, face_set
from mmsrn.visualization import ComparedDetections


@dataclass
class TestSet:
    """Images of a test and their faces.

    Attributes:
        name (str): For people to read.
        photos (dict[str, LabelledPhoto]): By name, in the order of the names.
        enhancements (list): Configs of transforms that brighten the images.
    """

    name: str
    photos: dict[str, LabelledPhoto]
    enhancements: list[ConfigDict]

    @property
    def truth(self) -> FaceSet:
        """FaceSet: The faces, in the order of the photos."""
        return face_set(
            list(self.photos),
            [np.vstack([x.faces, x.ignored]) for x in self.photos.values()],
            [
                np.arange(len(x.faces) + len(x.ignored)) < len(x.faces)
                for x in self.photos.values()
            ],
            setting='ap',
        )

    def read_raw(self, name: str) -> np.ndarray:
        """Read an image."""
        path = self.photos[name].path
        return read_photo(path, str(path))

    def read(self, name: str) -> np.ndarray:
        """Read an image as the pipeline has it before it resizes."""
        return Compose(self.enhancements)(dict(img=self.read_raw(name)))['img']

    def differs_from(self, other: TestSet) -> str:
        """What makes numbers of two sets incomparable, if anything."""
        if list(self.photos) != list(other.photos):
            return 'other images'
        for mine, others in zip(self.photos.values(), other.photos.values()):
            for some, rest in zip(mine[1:], others[1:]):
                if sorted(some.tolist()) != sorted(rest.tolist()):
                    return 'other faces'
        return ''


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

    def found(self, score_thr: float) -> dict[str, ComparedDetections]:
        """Compare detections and faces, image by image."""
        return {
            name: ComparedDetections(
                rows[:, :4], rows[:, 4], photo.faces, photo.ignored, score_thr
            )
            for (name, photo), rows in zip(
                self.test_set.photos.items(),
                self.result.evaluation.predictions,
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


def read_test_set(cfg: Config) -> TestSet:
    """Read images and faces of a config's test set."""
    settings = cfg.test_dataloader.dataset
    photos = {x.path.stem: x for x in read_photos(settings)}
    name = name_set(settings)
    if cfg.model.type == 'EnhancedDetector':
        name += f', {cfg.model.enhancer.type}'
    return TestSet(name, dict(sorted(photos.items())), _enhancements(settings))


def collect(
    name: str, cfg: Config, test_set: TestSet, results: str
) -> Experiment:
    """Evaluate the results of an experiment."""
    train_set = name_set(cfg.train_dataloader.dataset)
    result = evaluate_path(results, name, test_set.truth, DARK_FACE)
    return Experiment(name, train_set, test_set, result)
