"""The view into the network: what STC filtered and how STR moved anchors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmsrn.apis import Faces
from mmsrn.apis.face_detector import FaceDetector
from mmsrn.apis.views import resize

if TYPE_CHECKING:
    from mmsrn.visualization import LevelSelection

__all__ = ['Selection', 'draw_selection', 'look_inside']

#: Pixels of the long side: larger maps take long to draw and show no more.
_MOST = 1280


@dataclass(frozen=True)
class Selection:
    """Both steps of the network on one photo.

    Attributes:
        image (np.ndarray): What the network saw, BGR uint8 (h, w, 3).
        zoom (np.ndarray): Width, height, width, height relative to the photo,
            (4,).
        levels (list[LevelSelection]): From ``read_selection``.
    """

    image: np.ndarray
    zoom: np.ndarray
    levels: list[LevelSelection]


def look_inside(
    detector: FaceDetector, photo: np.ndarray, scale: int | str | list[int]
) -> Selection | str:
    """Run the network once and read what both steps said.

    Args:
        detector (FaceDetector): Its network.
        photo (np.ndarray): After the enhancement, BGR uint8 (h, w, 3).
        scale (int | str | list[int]): As of ``FaceDetector``; of several the
            largest, and at most 1280 pixels.

    Returns:
        Selection | str: The steps, or why there are none to see.
    """
    model = getattr(detector.backend, 'model', None)
    if model is None:
        return (
            'This view needs PyTorch, because an ONNX file returns only '
            'boxes. Start the page with --backend torch.'
        )
    head = getattr(model, 'bbox_head', None)
    if not hasattr(head, 'stc_levels'):
        return 'This model is not an SRN and has no two steps.'
    # Only now: the rest of the page does without torch and mmdet.
    import torch
    from mmdet.structures import DetDataSample

    from mmsrn.visualization import read_selection

    height, width = photo.shape[:2]
    longest = max(height, width)
    scales = scale if isinstance(scale, list) else [scale]
    sides = [longest if x == 'original' else x for x in scales]
    image = resize(photo, min(max(sides), _MOST))
    shape = image.shape[:2]
    pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    sample = DetDataSample(metainfo=dict(img_shape=shape))
    data = dict(inputs=[pixels], data_samples=[sample])
    with torch.inference_mode():
        batch = model.data_preprocessor(data, False)
        outputs = head(model.extract_feat(batch['inputs']))
    zoom = np.array([shape[1] / width, shape[0] / height] * 2)
    levels = read_selection(head, outputs, img_shape=shape)
    return Selection(image, zoom, levels)


def draw_selection(
    selection: Selection, faces: Faces
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Draw what the steps did about the faces that were found.

    Args:
        selection (Selection): From :func:`look_inside`.
        faces (Faces): Found in the same photo.

    Returns:
        tuple: Pictures of STC and of STR, RGB uint8 (h, w, 3); None where it
        is off, or where no anchor was moved onto a face.
    """
    from mmsrn.visualization import draw_stc, draw_str, rasterise

    boxes = faces.boxes * selection.zoom
    levels = selection.levels
    stc = None
    if any(x.first_scores is not None for x in levels):
        stc = draw_stc(selection.image, levels, boxes)
    figures = stc, draw_str(selection.image, levels, boxes)
    return tuple(
        None if x is None else rasterise(x)[..., ::-1] for x in figures
    )
