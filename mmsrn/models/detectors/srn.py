"""The SRN detector."""

from mmdet.models.detectors import SingleStageDetector
from mmdet.registry import MODELS
from mmdet.utils import ConfigType


@MODELS.register_module()
class SRN(SingleStageDetector):
    """Selective Refinement Network (arXiv 1809.02693).

    A single-stage detector.  Its one addition: if the neck is an ``SRNFPN``
    that does not say which first-step maps to build, it builds those that the
    head's ``stc_levels`` and ``str_levels`` use, so that a config switches
    STC or STR in one place.

    Args:
        backbone, neck, bbox_head (dict): Parts of the detector.
        **kwargs: Further arguments of ``SingleStageDetector``.
    """

    def __init__(
        self,
        backbone: ConfigType,
        neck: ConfigType,
        bbox_head: ConfigType,
        **kwargs,
    ) -> None:
        super().__init__(backbone=backbone, bbox_head=bbox_head, **kwargs)
        if isinstance(neck, dict) and neck.get('type') == 'SRNFPN':
            levels = self.bbox_head.stc_levels + self.bbox_head.str_levels
            neck = dict(dict(first_step_levels=levels), **neck)
        self.neck = MODELS.build(neck)
