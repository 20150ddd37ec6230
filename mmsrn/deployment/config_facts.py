"""Facts of a model, from its config."""

from __future__ import annotations

from mmengine.config import ConfigDict
from torch import Tensor, nn

from mmsrn.utils.launch import leaves

from .model_facts import ModelFacts
from .srn_graph import exportable_head

__all__ = ['config_facts']

_NMS_KEYS = {'type', 'iou_threshold', 'offset', 'split_thr', 'class_agnostic'}


def config_facts(
    cfg: ConfigDict, detector: nn.Module, name: str, license: str
) -> ModelFacts:
    """Facts of a detector for the file that it is exported to.

    Args:
        cfg (ConfigDict): Its config, with the data it is tested on.
        detector (nn.Module): The detector, with an ``SRNHead``.
        name (str): Name of the model.
        license (str): Terms of the weights.

    Returns:
        ModelFacts: Of a graph in fp32 without NMS.

    Raises:
        ValueError: If the detector, or what its ``test_cfg`` asks for, cannot
            be exported.
    """
    head = exportable_head(detector)
    test_cfg = head.test_cfg
    nms = test_cfg.get('nms') or {}
    several = head.num_classes > 1 and nms.get('class_agnostic')
    if (
        nms.get('type', 'nms') != 'nms'
        or 'iou_threshold' not in nms
        or nms.keys() - _NMS_KEYS
        or several
    ):
        raise ValueError(
            f'nms={dict(nms)} of test_cfg cannot be exported; what can is '
            "dict(type='nms', iou_threshold=..., offset=...)"
        )
    preprocessor = detector.data_preprocessor
    normalised = preprocessor._enable_normalize
    return ModelFacts(
        name=name,
        license=license,
        classes=_classes(cfg, head.num_classes),
        mean=_numbers(preprocessor.mean) if normalised else [],
        std=_numbers(preprocessor.std) if normalised else [],
        to_rgb=preprocessor._channel_conversion,
        test_scale=_test_scale(cfg),
        theta=head.theta,
        score_thr=test_cfg.get('score_thr', 0),
        small_map_cells=test_cfg.get('small_map_cells', 0),
        nms_pre=test_cfg.get('nms_pre', -1),
        nms_iou=nms['iou_threshold'],
        nms_offset=nms.get('offset', 0),
        max_per_img=test_cfg.get('max_per_img', -1),
    )


def _numbers(values: Tensor) -> list[float]:
    """Values as a config has them, of which float32 keeps 7 digits."""
    return [float(f'{x:.7g}') for x in values.flatten().tolist()]


def _dataset(cfg: ConfigDict) -> ConfigDict:
    """The first dataset of the test; empty without one."""
    loader = cfg.get('test_dataloader') or {}
    return next(leaves(loader.get('dataset', ConfigDict())))


def _classes(cfg: ConfigDict, num_classes: int) -> list[str]:
    """Names of the classes, as the test data has them."""
    from mmdet.registry import DATASETS

    dataset = _dataset(cfg)
    metainfo = dict(
        getattr(DATASETS.get(dataset.get('type', '')), 'METAINFO', {}),
        **(dataset.get('metainfo') or {}),
    )
    names = list(metainfo.get('classes', ()))
    if len(names) == num_classes:
        return names
    return [f'class {i}' for i in range(num_classes)]


def _test_scale(cfg: ConfigDict) -> list[int]:
    """Width and height that the test scales to fit into; empty for none."""
    for step in _dataset(cfg).get('pipeline', ()):
        if 'Resize' in step['type'] and step.get('scale'):
            return list(step['scale'])
    return []
