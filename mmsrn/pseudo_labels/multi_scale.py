"""Detectors of mmdet under the published multi-scale test."""

from __future__ import annotations

import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope

from mmsrn.apis.backends.torch_backend import TorchBackend
from mmsrn.utils import register_all_modules
from mmsrn.utils.one_line import one_line

__all__ = ['MultiScaleTeacher', 'read_config']

# Of configs that have another test-time augmentation, or none.
_TTA_MODEL = dict(type='BBoxVotingTTAModel')
_VIEWS = [dict(type='MultiScaleTestTimeAug', max_size=1400)]


def read_config(path: str) -> ConfigDict:
    """Read what a multi-scale test of a config depends on.

    Args:
        path (str): The config.

    Returns:
        ConfigDict: ``model``; ``tta_model``, that of the config if it is a
        ``BBoxVotingTTAModel``, else mmsrn's for detectors of mmdet; and
        ``pipeline``, which takes ``img``.

    Raises:
        ValueError: If it cannot be read, or has no model.
    """
    register_all_modules(init_default_scope=False)
    try:
        config = Config.fromfile(path)
    except Exception as error:  # a config is code
        raise ValueError(
            f'config {path}: cannot be read: {one_line(error)}'
        ) from error
    if 'model' not in config:
        raise ValueError(f'config {path}: has no model')
    ours = config.get('tta_model', {}).get('type') == _TTA_MODEL['type']
    pipeline = [dict(type='mmdet.LoadImageFromNDArray')]
    pipeline += [
        x
        for x in (config.tta_pipeline if ours else _VIEWS)
        if x['type'] not in ('LoadImageFromFile', 'LoadAnnotations')
    ]
    return ConfigDict(
        model=config.model,
        tta_model=config.tta_model if ours else _TTA_MODEL,
        pipeline=pipeline,
    )


class MultiScaleTeacher:
    """A detector that looks at a photo in many sizes, and votes.

    Args:
        config (str): Its config.
        checkpoint (str): Its weights.
        device (str): ``'auto'``, ``'cpu'``, ``'cuda'`` ...

    Raises:
        ValueError: If they cannot be read or do not fit.
    """

    def __init__(self, config: str, checkpoint: str, device: str) -> None:
        parts = read_config(config)
        backend = TorchBackend(checkpoint, Config(parts), device)
        self.label = backend.label
        with DefaultScope.overwrite_default_scope('mmdet'):
            self.pipeline = Compose(parts.pipeline)
            self.model = MODELS.build(
                dict(parts.tta_model, module=backend.model)
            )

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        """Find the faces of a photo.

        Args:
            photo (np.ndarray): BGR uint8 (h, w, 3).

        Returns:
            np.ndarray: Corners and scores, (n, 5) float32, by falling score.
        """
        views = self.pipeline(dict(img=photo, img_id=0))
        with torch.inference_mode():
            (sample,) = self.model.test_step(
                dict(
                    inputs=[views['inputs']],
                    data_samples=[views['data_samples']],
                )
            )
        found = sample.pred_instances
        found = found[found.labels == self.label]
        rows = torch.cat([found.bboxes, found.scores[:, None]], dim=1)
        return rows.float().cpu().numpy()
