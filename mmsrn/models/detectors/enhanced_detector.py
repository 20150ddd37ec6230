"""An enhancer in front of any detector."""

from __future__ import annotations

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.utils import ConfigType
from mmengine.logging import print_log
from torch import Tensor

from ..enhancers import content_sizes, enhance_batch, load_enhancer


@MODELS.register_module()
class EnhancedDetector(BaseDetector):
    """A detector that sees enhanced images.

    The detector and its data preprocessor do not change: normalised images are
    turned back into RGB in [0, 1], enhanced without their padding, and
    normalised again. In training, the losses of the enhancer
    (``enhancer.NAME`` in the log) are added to those of the detector, and the
    gradient of the detector also reaches the enhancer.

    Args:
        detector (dict): Config of any detector of mmdet.
        enhancer (dict): Config of a :class:`BaseEnhancer`.
        frozen (bool): Freeze the enhancer: no gradient, no loss, always in
            evaluation mode.
        enhancer_checkpoint (str, optional): Weights that the enhancer starts
            from in training: a checkpoint of ``ImageEnhancer`` or of this
            class. Checkpoints of this class include the enhancer, so a test
            needs no such file. Weights of the detector come from ``init_cfg``
            within ``detector``, or from a checkpoint of the
            detector alone that is loaded into this class (``load_from``).
        data_preprocessor (dict, optional): In place of the detector's own.
        init_cfg (dict, optional): As of ``BaseModule``.

    Raises:
        ValueError: When weights are initialised, if ``enhancer_checkpoint``
            does not fit the enhancer.
    """

    def __init__(
        self,
        detector: ConfigType,
        enhancer: ConfigType,
        frozen: bool = False,
        enhancer_checkpoint: str | None = None,
        data_preprocessor: ConfigType | None = None,
        init_cfg: ConfigType | None = None,
    ) -> None:
        if data_preprocessor is None:
            data_preprocessor = detector.get('data_preprocessor')
        super().__init__(data_preprocessor, init_cfg)
        self.enhancer = MODELS.build(enhancer)
        self.detector = MODELS.build(detector)
        self.frozen = frozen
        self.enhancer_checkpoint = enhancer_checkpoint
        # Images are loaded as BGR.
        self._is_rgb = bool((data_preprocessor or {}).get('bgr_to_rgb'))
        if frozen:
            self.enhancer.requires_grad_(False)
            self.enhancer.eval()

    def init_weights(self) -> None:
        """Initialise all weights, those of the enhancer from its file."""
        super().init_weights()
        if self.enhancer_checkpoint is not None:
            load_enhancer(self.enhancer, self.enhancer_checkpoint)
        elif self.frozen:
            print_log(
                'The enhancer is frozen and has no enhancer_checkpoint: '
                'unless load_from brings its weights, they are random',
                'current',
                30,
            )

    def train(self, mode: bool = True) -> EnhancedDetector:
        """Switch the mode; a frozen enhancer stays in evaluation mode.

        Args:
            mode (bool): Whether to train.

        Returns:
            EnhancedDetector: Itself.
        """
        super().train(mode)
        if self.frozen:
            self.enhancer.eval()
        return self

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args, **kwargs
    ) -> None:
        """Load; weights of a detector alone go to the detector."""
        names = [x for x in state_dict if x.startswith(prefix)]
        parts = {x[len(prefix) :].partition('.')[0] for x in names}
        if names and not parts & {'detector', 'enhancer'}:
            own = self.detector.state_dict()
            if any(x[len(prefix) :] in own for x in names):
                for name in names:
                    inner = f'{prefix}detector.{name[len(prefix) :]}'
                    state_dict[inner] = state_dict.pop(name)
                text = 'has no enhancer: that keeps the weights it has'
            else:
                text = 'fits neither enhancer nor detector: NOTHING is loaded'
            print_log(
                f'EnhancedDetector: the checkpoint {text}', 'current', 30
            )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _unit(self, inputs: Tensor) -> Tensor:
        """RGB in [0, 1] of what the data preprocessor made."""
        std = getattr(self.data_preprocessor, 'std', 1)
        mean = getattr(self.data_preprocessor, 'mean', 0)
        images = (inputs.float() * std + mean) / 255
        return images if self._is_rgb else images.flip(1)

    def _normalised(self, images: Tensor) -> Tensor:
        """The way back."""
        std = getattr(self.data_preprocessor, 'std', 1)
        mean = getattr(self.data_preprocessor, 'mean', 0)
        images = images if self._is_rgb else images.flip(1)
        return (images * 255 - mean) / std

    def enhance(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList | None = None,
        with_loss: bool = False,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Enhance a batch that the data preprocessor made.

        Args:
            batch_inputs (Tensor): (B, 3, H, W), normalised.
            batch_data_samples (list[DetDataSample], optional): Tell the size
                of each image without padding.
            with_loss (bool): Whether to compute the losses of the enhancer.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The same enhanced, normalised
            again, and the losses; empty without.
        """
        sizes = content_sizes(batch_inputs, batch_data_samples)
        with torch.set_grad_enabled(
            torch.is_grad_enabled() and not self.frozen
        ):
            images, losses = enhance_batch(
                self.enhancer,
                self._unit(batch_inputs),
                sizes,
                with_loss and not self.frozen,
            )
            return self._normalised(images), losses

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of the detector on enhanced images, and of the enhancer.

        Args:
            batch_inputs (Tensor): (B, 3, H, W), normalised.
            batch_data_samples (list[DetDataSample]): Ground truth.

        Returns:
            dict[str, Tensor]: Losses and numbers for the log.
        """
        images, losses = self.enhance(batch_inputs, batch_data_samples, True)
        losses = {f'enhancer.{name}': x for name, x in losses.items()}
        return {**self.detector.loss(images, batch_data_samples), **losses}

    def predict(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList,
        rescale: bool = True,
    ) -> SampleList:
        """Detect in enhanced images.

        Args:
            batch_inputs (Tensor): (B, 3, H, W), normalised.
            batch_data_samples (list[DetDataSample]): Their samples.
            rescale (bool): Give boxes in pixels of the original images.

        Returns:
            list[DetDataSample]: The samples with ``pred_instances``.
        """
        images, _ = self.enhance(batch_inputs, batch_data_samples)
        return self.detector.predict(images, batch_data_samples, rescale)

    def _forward(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList | None = None,
    ) -> tuple[Tensor, ...]:
        images, _ = self.enhance(batch_inputs, batch_data_samples)
        return self.detector._forward(images, batch_data_samples)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Features of enhanced images.

        Args:
            batch_inputs (Tensor): (B, 3, H, W), normalised, without padding.

        Returns:
            tuple[Tensor]: Those of the detector.
        """
        return self.detector.extract_feat(self.enhance(batch_inputs)[0])
