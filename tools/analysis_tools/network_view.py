"""A sample as the network gets it (see browse_dataset.py)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmdet.models.utils import samplelist_boxtype2tensor
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmsrn.cli.config import innermost_datasets
from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.utils import is_config_of
from mmsrn.utils.checkpoint import load_weights, read_checkpoint
from mmsrn.visualization import StepAssignment, read_assignment


@dataclass
class Seen:
    """One augmented image.

    Attributes:
        name: Of its file.
        image: BGR, (h, w, 3) uint8.
        boxes: Ground truth x1, y1, x2, y2 in pixels, (k, 4).
        labels: Class of each, (k,).
        ignored: Ground truth that does not count, (m, 4).
        steps: Both steps of an SRN, else empty.
    """

    name: str
    image: np.ndarray
    boxes: np.ndarray
    labels: list[str]
    ignored: np.ndarray
    steps: list[StepAssignment]


def _loads_late(dataset: ConfigDict) -> bool:
    """Whether annotations keep the pixels of the original image.

    In test pipelines they do: they are loaded after resizing, for metrics.
    """
    kinds = [x.get('type', '') for x in dataset.get('pipeline') or ()]
    if 'LoadAnnotations' not in kinds:
        return False
    before = kinds[: kinds.index('LoadAnnotations')]
    return any('Resize' in str(kind) for kind in before)


class NetworkView:
    """Makes of a sample what the network gets, and assigns its anchors.

    Args:
        cfg (Config): The complete config.
        steps (bool, optional): Whether to assign anchors; by default if the
            config's head can.
        checkpoint (str, optional): Weights that move the anchors of the
            second step.
        split (str): ``'train'`` for what happens in training only.

    Raises:
        ValueError: If config, checkpoint and wishes do not go together.
    """

    def __init__(
        self,
        cfg: Config,
        steps: bool | None,
        checkpoint: str | None,
        split: str,
    ) -> None:
        model = cfg.get('model', ConfigDict())
        head = model.get('bbox_head', {})
        able = is_config_of(head, SRNHead) and bool(model.get('train_cfg'))
        if steps is None:
            steps = able
        if steps and not able:
            raise ValueError(
                '--steps: model.bbox_head is no SRNHead with a train_cfg; '
                'without --steps the boxes are drawn'
            )
        if checkpoint is not None and not steps:
            raise ValueError(
                '--checkpoint moves the anchors of an SRNHead, and no '
                'anchors are drawn'
            )
        self.training = split == 'train'
        loader = cfg.get(f'{split}_dataloader') or {}
        dataset = loader.get('dataset') or {}
        self.late = any(map(_loads_late, innermost_datasets(dataset)))
        self.classes: tuple[str, ...] = ()
        self.model: nn.Module | None = None
        self.head: nn.Module | None = None
        self.preprocessor_cfg = model.get('data_preprocessor') or {}
        self.preprocessor = None
        if self.preprocessor_cfg:
            self.preprocessor = MODELS.build(self.preprocessor_cfg)
        if checkpoint is not None:
            self.model = MODELS.build(model).eval()
            weights = read_checkpoint(checkpoint)
            try:
                load_weights(self.model, weights)
            except ValueError as error:
                raise ValueError(
                    f'checkpoint {checkpoint} is none of this model: {error}'
                ) from error
            self.head = self.model.bbox_head
        elif steps:
            # Only the rules of the assignment: the weights do not matter.
            self.head = MODELS.build(
                dict(
                    head,
                    train_cfg=model.train_cfg,
                    test_cfg=model.get('test_cfg'),
                )
            )

    def __call__(self, data: dict) -> Seen:
        """Preprocess, assign, and turn back into an image.

        Args:
            data (dict): What the pipeline packed.

        Returns:
            Seen: The sample.
        """
        batch = pseudo_collate([data])
        if self.preprocessor is not None:
            batch = self.preprocessor(batch, self.training)
        inputs, sample = batch['inputs'][0], batch['data_samples'][0]
        samplelist_boxtype2tensor([sample])
        for key in ('gt_instances', 'ignored_instances'):
            instances = sample.get(key, InstanceData())
            if 'bboxes' not in instances:  # a test set without annotations
                instances = InstanceData(
                    bboxes=torch.zeros(0, 4),
                    labels=torch.zeros(0, dtype=torch.long),
                )
            if self.late and 'scale_factor' in sample.metainfo:
                factor = instances.bboxes.new_tensor(sample.scale_factor)
                instances.bboxes = instances.bboxes * factor.repeat(2)
            setattr(sample, key, instances)
        if 'batch_input_shape' not in sample.metainfo:
            shape = tuple(inputs.shape[-2:])
            sample.set_metainfo(dict(batch_input_shape=shape, pad_shape=shape))
        steps = []
        if self.head is not None:
            outputs = None
            if self.model is not None:
                with torch.no_grad():
                    features = self.model.extract_feat(batch['inputs'])
                    outputs = self.head(features)
            steps = read_assignment(self.head, sample, outputs)
        labels = sample.gt_instances.labels.tolist()
        known = dict(enumerate(self.classes))
        return Seen(
            name=Path(sample.metainfo.get('img_path') or 'image').name,
            image=self._pixels(inputs),
            boxes=sample.gt_instances.bboxes.numpy(),
            labels=[known.get(x, f'class {x}') for x in labels],
            ignored=sample.ignored_instances.bboxes.numpy(),
            steps=steps,
        )

    def _pixels(self, inputs: Tensor) -> np.ndarray:
        """Undo what the data preprocessor did to colours, not to sizes."""
        cfg = self.preprocessor_cfg
        inputs = inputs.float()
        if cfg.get('mean') is not None:
            mean, std = (
                inputs.new_tensor(cfg[key])[:, None, None]
                for key in ('mean', 'std')
            )
            inputs = inputs * std + mean
        image = inputs.permute(1, 2, 0).round().clip(0, 255).byte().numpy()
        if cfg.get('bgr_to_rgb'):
            image = image[..., ::-1]
        if image.shape[2] == 1:
            image = image.repeat(3, axis=2)
        return np.ascontiguousarray(image)
