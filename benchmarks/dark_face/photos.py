"""Further photos, as they are and processed, and what a detector finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.apis import inference_detector, init_detector
from mmengine.config import Config

from mmsrn.evaluation.readers import read_dark_face
from mmsrn.utils.errors import UserError
from mmsrn.utils.image_files import IMAGE_SUFFIXES

from .experiments import Found, read_photo


def find_photos(folder: Path | None) -> list[Path]:
    """Find the images of a folder, and check them before anything is slow."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise UserError(f'--photos {folder}: no such folder')
    photos = sorted(
        x for x in folder.iterdir() if x.suffix.lower() in IMAGE_SUFFIXES
    )
    if not photos:
        raise UserError(f'--photos {folder}: has no image')
    for photo in photos:
        try:
            read_photo(photo)
        except ValueError as error:
            raise UserError(f'--photos {error}') from error
    return photos


def read_labels(paths: list[str] | None) -> dict[str, np.ndarray]:
    """Read annotations of DARK FACE: corners (k, 4) by name of the image."""
    faces = {}
    for path in paths or ():
        try:
            truth = read_dark_face(path)
        except ValueError as error:
            raise UserError(f'--labels {error}') from error
        (setting,) = truth.settings.values()
        faces.update(zip(truth.names, setting.faces))
    return faces


class PhotoDetector:
    """Detects faces in photos, raw and processed.

    Args:
        cfg (Config): Config of the detector.
        checkpoint (str): Its weights.
        scale (float): Factor that photos are enlarged by.
        score_thr (float): Lowest score of detections that count.
        forms (dict[str, Callable]): What becomes of a photo, uint8 to uint8,
            by name.
        faces (dict[str, np.ndarray]): Corners (k, 4) of the faces of photos
            whose faces are known, by name without suffix.
    """

    def __init__(
        self,
        cfg: Config,
        checkpoint: str,
        scale: float,
        score_thr: float,
        forms: dict[str, Callable[[np.ndarray], np.ndarray]],
        faces: dict[str, np.ndarray],
    ) -> None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.model = init_detector(cfg, checkpoint, device=device)
        self.pipeline = Compose(
            [
                dict(type='mmdet.LoadImageFromNDArray'),
                dict(type='ProtocolResize', scale_factor=scale),
                dict(type='PackDetInputs'),
            ]
        )
        self.score_thr = score_thr
        self.forms = forms
        self.faces = faces

    def __call__(self, path: Path) -> Iterator[tuple[str, np.ndarray, Found]]:
        """Detect faces in a photo.

        Args:
            path (Path): The file.

        Yields:
            tuple[str, np.ndarray, Found]: For each form its name, the photo
            in it, BGR (h, w, 3) uint8, and what is found there.

        Raises:
            ValueError: If the photo cannot be read.
        """
        photo = read_photo(path)
        faces = self.faces.get(path.stem)
        for form, process in self.forms.items():
            image = process(photo)
            found = inference_detector(self.model, image, self.pipeline)
            found = found.pred_instances.cpu().numpy()
            rows = np.column_stack([found.bboxes, found.scores])
            rows = rows[rows[:, 4] >= self.score_thr]
            yield form, image, Found(rows, faces)
