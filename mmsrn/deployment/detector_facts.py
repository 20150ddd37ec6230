"""Facts of a detector that is to be exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from torch import Tensor, nn

from mmsrn.utils.facts import check_facts

from .model_facts import ModelFacts
from .srn_graph import exportable_head

__all__ = ['detector_facts']

_NMS_KEYS = {'type', 'iou_threshold', 'offset', 'split_thr', 'class_agnostic'}


def detector_facts(
    detector: nn.Module,
    name: str,
    licence: str = '',
    classes: Sequence[str] | None = None,
    test_scale: int | str = 640,
    score_thr: float = 0.3,
) -> ModelFacts:
    """Facts of a detector for the file that it is exported to.

    Args:
        detector (nn.Module): The detector, with an ``SRNHead``.
        name (str): Name of the model.
        licence (str): Terms of the weights.
        classes (Sequence[str], optional): Their names; by default ``face``,
            or numbers if there are several.
        test_scale (int | str): See ``ModelFacts``.
        score_thr (float): See ``ModelFacts``.

    Returns:
        ModelFacts: Of a graph in fp32 without NMS.

    Raises:
        ValueError: If the detector, or what its ``test_cfg`` asks for, cannot
            be exported, or a setting is out of its range.
    """
    head = exportable_head(detector)
    test_cfg = head.test_cfg
    nms = test_cfg.get('nms') or {}
    across = head.num_classes > 1 and nms.get('class_agnostic')
    if (
        nms.get('type', 'nms') != 'nms'
        or 'iou_threshold' not in nms
        or nms.keys() - _NMS_KEYS
        or across
    ):
        raise ValueError(
            f'nms={dict(nms)} of test_cfg cannot be exported; use '
            "dict(type='nms', iou_threshold=..., offset=...)"
        )
    if classes is None:
        classes = ['face']
        if head.num_classes > 1:
            classes = [f'class {i}' for i in range(head.num_classes)]
    preprocessor = detector.data_preprocessor
    normalised = preprocessor._enable_normalize
    facts = ModelFacts(
        name=name,
        licence=licence,
        classes=list(classes),
        test_scale=test_scale,
        score_thr=score_thr,
        mean=_numbers(preprocessor.mean) if normalised else [],
        std=_numbers(preprocessor.std) if normalised else [],
        to_rgb=preprocessor._channel_conversion,
        theta=head.gate.theta,
        candidate_thr=test_cfg.get('score_thr', 0),
        small_map_cells=test_cfg.get('small_map_cells', 0),
        nms_pre=test_cfg.get('nms_pre', -1),
        nms_iou=nms['iou_threshold'],
        nms_offset=nms.get('offset', 0),
        vote_iou=test_cfg.get('vote_iou'),
        max_per_img=test_cfg.get('max_per_img', -1),
    )
    check_facts(asdict(facts))
    return facts


def _numbers(values: Tensor) -> list[float]:
    """Values as a config has them, of which float32 keeps 7 digits."""
    return [float(f'{x:.7g}') for x in values.flatten().tolist()]
