"""A model of an enhancer alone, to train it on dark images."""

from __future__ import annotations

from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.utils import ConfigType
from mmengine.model import BaseModel
from torch import Tensor

from .base_enhancer import content_sizes, enhance_batch


@MODELS.register_module()
class ImageEnhancer(BaseModel):
    """An enhancer that learns from its own losses, without a detector.

    It works with any dataset of mmdet and ignores annotations.
    ``enhancer_checkpoint`` of ``EnhancedDetector`` reads its checkpoints.

    Args:
        enhancer (dict): Config of a :class:`BaseEnhancer`.
        data_preprocessor (dict, optional): Must give RGB in [0, 1]; by
            default a ``DetDataPreprocessor`` that does.
        init_cfg (dict, optional): As of ``BaseModule``.
    """

    def __init__(
        self,
        enhancer: ConfigType,
        data_preprocessor: ConfigType | None = None,
        init_cfg: ConfigType | None = None,
    ) -> None:
        if data_preprocessor is None:
            data_preprocessor = dict(
                type='DetDataPreprocessor',
                mean=[0, 0, 0],
                std=[255, 255, 255],
                bgr_to_rgb=True,
            )
        super().__init__(data_preprocessor, init_cfg)
        self.enhancer = MODELS.build(enhancer)

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[DetDataSample] | None = None,
        mode: str = 'tensor',
    ) -> Tensor | dict[str, Tensor] | list[DetDataSample]:
        """Enhance a batch.

        Args:
            inputs (Tensor): (B, 3, H, W) RGB in [0, 1].
            data_samples (list[DetDataSample], optional): Tell the size of
                each image without padding.
            mode (str): ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            dict | list | Tensor: Losses; or the samples with ``original`` and
            ``enhanced``, float RGB (3, h, w) in [0, 1] without padding; or
            the batch, enhanced.

        Raises:
            RuntimeError: If there is no such mode.
        """
        if mode not in ('loss', 'predict', 'tensor'):
            raise RuntimeError(f'ImageEnhancer: there is no mode {mode!r}')
        sizes = content_sizes(inputs, data_samples)
        enhanced, losses = enhance_batch(
            self.enhancer, inputs, sizes, with_loss=mode == 'loss'
        )
        if mode == 'loss':
            return losses
        if mode == 'tensor':
            return enhanced
        for i, (height, width) in enumerate(sizes):
            sample = data_samples[i]
            sample.original = inputs[i, :, :height, :width]
            sample.enhanced = enhanced[i, :, :height, :width]
        return data_samples
