"""Detections and faces of an image, from mmdet's evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mmsrn.structures.face_set import ATTRIBUTE_NAMES

__all__ = ['as_array', 'find_annotations']

# Pixels that annotations may reach over the image.
_OVERHANG = 2


def as_array(values: Any) -> np.ndarray:
    """Turn a tensor, or boxes of mmdet, into an array.

    Args:
        values (Tensor | BaseBoxes | np.ndarray): Of any shape.

    Returns:
        np.ndarray: The values; bfloat16 becomes float32.
    """
    values = getattr(values, 'tensor', values)
    if not isinstance(values, torch.Tensor):
        return values
    values = values.detach().cpu()
    # numpy has no such type.
    return (
        values.float() if values.dtype == torch.bfloat16 else values
    ).numpy()


def find_annotations(sample: dict, labels: list[int]) -> dict[str, np.ndarray]:
    """Faces of an image in its own pixels, and which of them count.

    ``instances`` come from the dataset.  ``gt_instances`` went through the
    pipeline and are right if it loads annotations after resizing, as mmdet's
    test pipelines do.

    Args:
        sample (dict): Of the evaluator.
        labels (list[int]): Labels that are faces.

    Returns:
        dict[str, np.ndarray]: ``boxes`` (k, 4) float64 corners, ``counts``
        (k,) bool, ``attributes`` (k, 5) int, -1 where not known.

    Raises:
        ValueError: If there are no annotations, or they were scaled with the
            image.
    """
    if 'instances' in sample:
        faces = [x for x in sample['instances'] if x['bbox_label'] in labels]
        boxes = np.array([x['bbox'] for x in faces], np.float64)
        ignored = np.array([x.get('ignore_flag', 0) for x in faces], bool)
        attributes = np.array(
            [[x.get(name, -1) for name in ATTRIBUTE_NAMES] for x in faces], int
        )
    elif 'gt_instances' in sample:
        parts = [sample['gt_instances'], sample.get('ignored_instances')]
        boxes, ignored = np.empty((0, 4)), np.zeros(0, bool)
        for flag, part in enumerate(parts):
            if part is None:
                continue
            faces = np.isin(as_array(part['labels']), labels)
            boxes = np.vstack([boxes, as_array(part['bboxes'])[faces]])
            ignored = np.append(ignored, np.full(faces.sum(), bool(flag)))
        _check_inside(boxes, sample)
        attributes = np.full((len(boxes), len(ATTRIBUTE_NAMES)), -1)
    else:
        raise ValueError(
            'there are no annotations to evaluate with: let the test '
            "pipeline keep them ('instances' in meta_keys of PackDetInputs), "
            'or, without labels, set format_only=True and outfile_prefix'
        )
    return dict(
        boxes=boxes.reshape(-1, 4),
        counts=~ignored,
        attributes=attributes.reshape(-1, len(ATTRIBUTE_NAMES)),
    )


def _check_inside(boxes: np.ndarray, sample: dict) -> None:
    """Refuse boxes that were scaled with the image."""
    shape = sample.get('ori_shape')
    if shape is None or not len(boxes):
        return
    if (boxes[:, 2:] > np.array(shape[1::-1]) + _OVERHANG).any():
        raise ValueError(
            f'annotations of {sample.get("img_path")} reach over the image: '
            'the test pipeline must load annotations after resizing, or keep '
            "those of the dataset ('instances' in meta_keys of PackDetInputs)"
        )
