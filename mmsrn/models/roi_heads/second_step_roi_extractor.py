"""Regions from the second-step maps of a pyramid."""

from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class SecondStepRoIExtractor(SingleRoIExtractor):
    """Skips the first-step maps, for an ``SRNHead`` as ``rpn_head``.

    RoI heads read the first maps of the neck. After an ``SRNFPN``, these are
    the maps of the first step, and some may be ``None``.

    Args:
        num_first (int): First-step maps in front of the others, the levels of
            ``SRNHead``.
        args, kwargs: As in mmdet's ``SingleRoIExtractor``;
            ``featmap_strides`` names the second-step maps in use.
    """

    def __init__(self, *args, num_first: int, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.num_first = num_first

    @property
    def num_inputs(self) -> int:
        """Maps that RoI heads hand over, the first-step maps included."""
        return self.num_first + super().num_inputs

    def forward(
        self,
        feats: tuple[Tensor | None, ...],
        rois: Tensor,
        roi_scale_factor: float | None = None,
    ) -> Tensor:
        """Features of regions.

        Args:
            feats (tuple[Tensor | None]): ``num_inputs`` maps, (N, C, H, W).
            rois (Tensor): Image index, x1, y1, x2, y2 in pixels, (K, 5).
            roi_scale_factor (float, optional): Enlarges regions.

        Returns:
            Tensor: (K, C, size, size).
        """
        return super().forward(feats[self.num_first :], rois, roi_scale_factor)
