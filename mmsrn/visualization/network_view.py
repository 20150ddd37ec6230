"""A sample as the network gets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmdet.models.utils import samplelist_boxtype2tensor
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.runner import set_random_seed
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.utils import is_config_of
from mmsrn.utils.checkpoint import load_weights, read_checkpoint
from mmsrn.utils.errors import UserError

from .assignment import StepAssignment, read_assignment


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


def keeps_boxes(dataset: ConfigDict) -> bool:
    """Whether boxes stay in pixels of the original image.

    They do in test pipelines, which load annotations after resizing.

    Args:
        dataset (ConfigDict): Config of a dataset with its pipeline.

    Returns:
        bool: Whether ``scale_boxes`` of :class:`NetworkView` is needed.
    """
    kinds = [x.get('type', '') for x in dataset.get('pipeline') or ()]
    if 'LoadAnnotations' not in kinds:
        return False
    before = kinds[: kinds.index('LoadAnnotations')]
    return any('Resize' in str(kind) for kind in before)


def load_sample(dataset: Dataset, index: int, seed: int) -> dict:
    """Augment one image, reproducibly.

    Args:
        dataset (Dataset): With its pipeline.
        index (int): Which image.
        seed (int): Of all samples; other draws do not change the result.

    Returns:
        dict: What the pipeline packs.

    Raises:
        UserError: If the pipeline does not give one image.
    """
    state = np.random.SeedSequence([seed % 2**32, index]).generate_state(1)
    set_random_seed(int(state[0]))
    data = dataset[index]
    inputs = data.get('inputs') if isinstance(data, dict) else None
    if not isinstance(inputs, torch.Tensor) or inputs.dim() != 3:
        raise UserError(
            'the pipeline does not end in PackDetInputs with one image; '
            'configs of videos and of semi-supervised training cannot be '
            'browsed'
        )
    return data


class NetworkView:
    """Turns a sample into the network's input and assigns its anchors.

    Anchors are assigned if the head is an ``SRNHead`` with a ``train_cfg``.

    Args:
        model (ConfigDict): Config of the detector.
        checkpoint (str, optional): Weights that move the anchors of the
            second step.
        training (bool): Whether to preprocess as in training.
        scale_boxes (bool): Whether boxes are in pixels of the original image,
            see ``keeps_boxes``.
        classes (Sequence[str]): Names of the labels.

    Raises:
        ValueError: If config and checkpoint do not match.
    """

    def __init__(
        self,
        model: ConfigDict,
        checkpoint: str | None = None,
        training: bool = True,
        scale_boxes: bool = False,
        classes: Sequence[str] = (),
    ) -> None:
        self.training = training
        self.scale_boxes = scale_boxes
        self.classes = dict(enumerate(classes))
        self.model: nn.Module | None = None
        self.head: nn.Module | None = None
        self.preprocessor_cfg = model.get('data_preprocessor') or {}
        self.preprocessor = None
        if self.preprocessor_cfg:
            self.preprocessor = MODELS.build(self.preprocessor_cfg)
        head = model.get('bbox_head', {})
        assigns = is_config_of(head, SRNHead) and bool(model.get('train_cfg'))
        if checkpoint is not None:
            if not assigns:
                raise ValueError(
                    '--checkpoint moves the anchors of an SRNHead with a '
                    'train_cfg, and model.bbox_head is none'
                )
            self.model = MODELS.build(model).eval()
            weights = read_checkpoint(checkpoint)
            try:
                load_weights(self.model, weights)
            except ValueError as error:
                raise ValueError(
                    f'checkpoint {checkpoint} is none of this model: {error}'
                ) from error
            self.head = self.model.bbox_head
        elif assigns:
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
            if self.scale_boxes and 'scale_factor' in sample.metainfo:
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
        return Seen(
            name=Path(sample.metainfo.get('img_path') or 'image').name,
            image=self._pixels(inputs),
            boxes=sample.gt_instances.bboxes.numpy(),
            labels=[self.classes.get(x, f'class {x}') for x in labels],
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
