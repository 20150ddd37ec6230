"""The SRN detector."""

from mmdet.models.detectors import SingleStageDetector
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.utils import ConfigType, OptConfigType
from torch import Tensor

from ..necks import SRNFPN, TwoStepNeck
from ..utils import is_config_of


@MODELS.register_module()
class SRN(SingleStageDetector):
    """Selective Refinement Network (arXiv 1809.02693).

    A single-stage detector with two additions. First, it sets
    ``first_step_levels`` of an ``SRNFPN`` or ``TwoStepNeck`` (the neck, or the
    first of a list) to the ``stc_levels`` and ``str_levels`` of the head if
    the config does not, so that a config switches STC or STR in one place.
    Second, an auxiliary head may train beside ``bbox_head``.

    Args:
        backbone (dict): As in ``SingleStageDetector``.
        bbox_head (dict): An ``SRNHead`` or a head derived from it.
        neck (dict | list[dict]): Neck, or a chain of necks.
        auxiliary_head (dict, optional): A head whose ``loss`` of the maps of
            the neck is added in training, such as
            :class:`FeatureSupervisionHead`; it does not run at test time.
        **kwargs: Further arguments of ``SingleStageDetector``.

    Raises:
        ValueError: If ``bbox_head`` has no two steps, or, in training, if
            both heads give a loss the same name.
    """

    def __init__(
        self,
        backbone: ConfigType,
        neck: ConfigType | list[ConfigType],
        bbox_head: ConfigType,
        auxiliary_head: OptConfigType = None,
        **kwargs,
    ) -> None:
        super().__init__(backbone=backbone, bbox_head=bbox_head, **kwargs)
        if not hasattr(self.bbox_head, 'stc_levels'):
            raise ValueError(
                f'SRN: bbox_head is a {type(self.bbox_head).__name__}, which '
                'has no stc_levels and str_levels; use SRNHead, or the '
                'detector that this head belongs to'
            )
        levels = self.bbox_head.stc_levels + self.bbox_head.str_levels
        if isinstance(neck, dict):
            neck = _with_first_step(neck, levels)
        else:
            neck = [_with_first_step(neck[0], levels), *neck[1:]]
        self.neck = MODELS.build(neck)
        self.auxiliary_head = (
            None if auxiliary_head is None else MODELS.build(auxiliary_head)
        )

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of the head, and of the auxiliary head if there is one.

        Args:
            batch_inputs (Tensor): (B, 3, H, W), normalised.
            batch_data_samples (list[DetDataSample]): Ground truth.

        Returns:
            dict[str, Tensor]: Losses and numbers for the log.
        """
        if self.auxiliary_head is None:
            execution = self.bbox_head.execution
            lazy = execution is not None and execution.trains(self.bbox_head)
            maps = self._maps(batch_inputs, lazy)
            return self.bbox_head.loss(maps, batch_data_samples)
        maps = self.extract_feat(batch_inputs)
        losses = self.bbox_head.loss(maps, batch_data_samples)
        more = self.auxiliary_head.loss(maps, batch_data_samples)
        if same := sorted(losses.keys() & more.keys()):
            raise ValueError(
                f'SRN: bbox_head and auxiliary_head both put out {same}, of '
                'which one would be lost; let the loss of auxiliary_head '
                'name them otherwise'
            )
        return {**losses, **more}

    def _maps(
        self, batch_inputs: Tensor, lazy: bool
    ) -> tuple[Tensor | None, ...] | object:
        """Maps of the neck; lazy, those that the execution asks for.

        A subclass of ``SRNFPN`` may build its maps otherwise.
        """
        if not lazy or type(self.neck) is not SRNFPN:
            return self.extract_feat(batch_inputs)
        feats = self.backbone(batch_inputs)
        return self.bbox_head.execution.pyramid(self.neck, feats)

    def predict(
        self,
        batch_inputs: Tensor,
        batch_data_samples: SampleList,
        rescale: bool = True,
    ) -> SampleList:
        """Find boxes in a batch.

        Args:
            batch_inputs (Tensor): Images, (B, 3, H, W).
            batch_data_samples (list[DetDataSample]): Of these images.
            rescale (bool): Boxes in the pixels of the original image.

        Returns:
            list[DetDataSample]: With ``pred_instances``, see
            ``SRNHead.predict_by_feat``.
        """
        execution = self.bbox_head.execution
        lazy = execution is not None and execution.predicts
        maps = self._maps(batch_inputs, lazy)
        found = self.bbox_head.predict(maps, batch_data_samples, rescale)
        return self.add_pred_to_datasample(batch_data_samples, found)


def _with_first_step(neck: ConfigType, levels: tuple[int, ...]) -> ConfigType:
    """Config of a neck that builds the first-step maps of some levels."""
    if any(is_config_of(neck, kind) for kind in (SRNFPN, TwoStepNeck)):
        neck = dict(dict(first_step_levels=levels), **neck)
    return neck
