"""Detection with PyTorch and MMDetection."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from torch import nn

from mmsrn.models import prepare_for_inference
from mmsrn.utils import register_all_modules
from mmsrn.utils.checkpoint import classes_of, load_weights, read_checkpoint
from mmsrn.utils.facts import read_facts
from mmsrn.utils.model_config import (
    bounded_modules,
    check_model_config,
    without_pretrained,
)
from mmsrn.utils.one_line import one_line
from mmsrn.zoo import ZooError

from . import Factors

_PRECISIONS = {
    'float32': None,
    'bfloat16': torch.bfloat16,
    'float16': torch.float16,
}


class TorchBackend:
    """Runs any MMDetection detector with a class for faces.

    Args:
        path (str | Path): A ``.safetensors`` file that contains its config, or
            a checkpoint with ``config``.
        config (str | Path | Config, optional): Config of a training.
        device (str): ``'auto'``: a GPU if there is one; or a name of torch.
        precision (str): ``'float32'``, or ``'bfloat16'`` and ``'float16'``,
            which run the network under autocast and change scores slightly.

    Attributes:
        model (nn.Module): The detector, see
            :func:`mmsrn.models.prepare_for_inference`.
        facts (dict): Metadata of the file.

    Raises:
        ZooError: If the model, its config, the device or the precision cannot
            be used.
    """

    def __init__(
        self,
        path: str | Path,
        config: str | Path | Config | None = None,
        device: str = 'auto',
        precision: str = 'float32',
    ) -> None:
        if precision not in _PRECISIONS:
            raise ZooError(
                f'precision={precision!r} is unknown; choose '
                f'{", ".join(_PRECISIONS)}'
            )
        self.dtype = _PRECISIONS[precision]
        self.device = _pick_device(device)
        register_all_modules(init_default_scope=False)
        if config is None:
            model, checkpoint, self.facts = _read_packed(Path(path))
        else:
            model, checkpoint, self.facts = _read_trained(path, config)
        model = _build(model, checkpoint, str(path), config is None)
        self.model = model.to(self.device)
        self.label = _face_label(self.facts, self.model, str(path))
        self._process = os.getpid()

    @property
    def max_faces(self) -> int | None:
        """int, optional: Most faces of an image; None: no limit."""
        limits = [x['max_per_img'] for x in _limits(self.model)]
        return min((x for x in limits if x >= 0), default=None)

    def set_max_faces(self, number: int) -> None:
        """Set the most faces of an image.

        Args:
            number (int): From 1 on.
        """
        for limits in _limits(self.model):
            limits['max_per_img'] = number
            if 0 <= limits.get('nms_pre', -1) < number:
                limits['nms_pre'] = number

    def predict(
        self, images: list[np.ndarray], factors: list[Factors]
    ) -> list[np.ndarray]:
        """Detect faces; consecutive images of the same size form a batch.

        Args:
            images (list[np.ndarray]): BGR uint8 (h, w, 3).
            factors (list[Factors]): See ``Backend``.

        Returns:
            list[np.ndarray]: (n, 5) float32 each, see ``Backend``.

        Raises:
            RuntimeError: In a process forked from the one that read the model,
                where PyTorch would hang.
        """
        if os.getpid() != self._process and torch.get_num_threads() > 1:
            raise RuntimeError(
                'this process was forked, which stops the threads of '
                "PyTorch: start it with multiprocessing's 'spawn' method, "
                "use backend='onnx', or call torch.set_num_threads(1) in it "
                'first'
            )
        found: list[np.ndarray] = []
        # Padding to a common size would change what the borders look like.
        pairs = zip(images, factors, strict=True)
        for _, group in groupby(pairs, key=lambda x: np.shape(x[0])):
            found += self._predict_equal(*zip(*group))
        return found

    def _predict_equal(
        self, images: Sequence[np.ndarray], factors: Sequence[Factors]
    ) -> list[np.ndarray]:
        shape = images[0].shape[:2]
        meta = dict(
            img_shape=shape,
            ori_shape=shape,  # of masks, of which nobody takes any
            batch_input_shape=shape,
        )
        data = dict(
            inputs=[
                torch.from_numpy(np.ascontiguousarray(x)).permute(2, 0, 1)
                for x in images
            ],
            data_samples=[
                DetDataSample(metainfo=dict(meta, scale_factor=x))
                for x in factors
            ],
        )
        with torch.inference_mode(), self._autocast():
            samples = self.model.test_step(data)
        return [self._rows(sample.pred_instances) for sample in samples]

    def _autocast(self) -> contextlib.AbstractContextManager:
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def _rows(self, instances: Any) -> np.ndarray:
        instances = instances[instances.labels == self.label]
        rows = torch.cat([instances.bboxes, instances.scores[:, None]], 1)
        rows = rows.float().cpu().numpy()
        return rows[np.argsort(-rows[:, 4], kind='stable')]


@contextlib.contextmanager
def _mmdet_scope() -> Iterator[None]:
    """Let mmengine look into mmdet's registries, whatever the caller set."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


def _pick_device(device: str) -> torch.device:
    if device == 'auto':
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        picked = torch.device(device)
        torch.empty(1, device=picked)
    except (RuntimeError, AssertionError) as error:
        raise ZooError(
            f'device={device!r}: cannot be used: {one_line(error, 120)}'
        ) from error
    return picked


def _read_packed(path: Path) -> tuple[dict, dict, dict]:
    """Read a file that ``tools/model_converters/pack_weights.py`` wrote."""
    if path.suffix != '.safetensors':
        raise ZooError(
            f'model {path}: a checkpoint needs its config: '
            "FaceDetector('weights.pth', config='config.py')"
        )
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ZooError(
            f'model {path}: needs safetensors: pip install safetensors'
        ) from error
    try:
        with safe_open(path, 'pt') as file:
            meta = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError) as error:
        raise ZooError(
            f'model {path}: cannot be read: {one_line(error)}'
        ) from error
    try:
        facts = read_facts(meta.get('mmsrn', '{}'))
        if 'config' not in facts:
            raise ValueError(
                'holds no config; pass config=..., or make the file with '
                'tools/model_converters/pack_weights.py'
            )
        # Whoever made the file may have named anything.
        config = without_pretrained(facts.pop('config'))
        check_model_config(config)
    except (RecursionError, ValueError) as error:
        raise ZooError(f'model {path}: {one_line(error)}') from error
    return config, weights, facts


def _read_trained(path: str | Path, config: Any) -> tuple[dict, dict, dict]:
    if not isinstance(config, Config):
        try:
            config = Config.fromfile(config)
        except Exception as error:  # a config is code
            raise ZooError(
                f'config {config}: cannot be read: {one_line(error)}'
            ) from error
    try:
        checkpoint = read_checkpoint(str(path))
    except Exception as error:  # a damaged file may raise anything
        raise ZooError(one_line(error)) from error
    if 'model' not in config:
        raise ZooError('the config has no model')
    return config.model, checkpoint, dict(classes=classes_of(checkpoint))


def _build(
    config: dict, checkpoint: dict, path: str, bound: bool
) -> nn.Module:
    # Half precision on disk alone.
    weights = {
        name: x.float() if x.is_floating_point() else x
        for name, x in checkpoint.get('state_dict', checkpoint).items()
        if isinstance(x, torch.Tensor)
    }
    limit = bounded_modules(weights) if bound else contextlib.nullcontext()
    try:
        with _mmdet_scope(), limit:
            model = MODELS.build(ConfigDict(without_pretrained(config)))
    except Exception as error:  # a part may be missing, or refuse its settings
        raise ZooError(
            f'model {path}: cannot be built: {one_line(error)}'
        ) from error
    try:
        load_weights(model, weights)
    except ValueError as error:
        raise ZooError(f'model {path}: {error}') from error
    return prepare_for_inference(model)


def _limits(model: nn.Module) -> list[dict]:
    """Where a detector keeps its limits; not those of proposals."""
    found = []
    for name, part in model.named_modules():
        limits = getattr(part, 'test_cfg', None)
        proposes = name.rpartition('.')[2] == 'rpn_head'
        if isinstance(limits, dict) and 'max_per_img' in limits:
            if not proposes:
                found.append(limits)
    return found


def _face_label(facts: dict, model: nn.Module, path: str) -> int:
    classes = facts.get('classes')
    if not classes:
        heads = (x for x in model.modules() if hasattr(x, 'num_classes'))
        if any(x.num_classes != 1 for x in heads):
            raise ZooError(
                f'model {path}: has several classes but does not name them'
            )
        return 0
    if len(classes) == 1:
        return 0
    names = [str(x).lower() for x in classes]
    if 'face' not in names:
        raise ZooError(
            f'model {path}: has no class called face, only '
            f'{one_line(", ".join(names), 80)}'
        )
    return names.index('face')
