"""The SRN detector."""

from mmdet.models.detectors import SingleStageDetector
from mmdet.registry import MODELS
from mmdet.utils import ConfigType

from ..necks import SRNFPN
from ..utils import is_config_of


@MODELS.register_module()
class SRN(SingleStageDetector):
    """Selective Refinement Network (arXiv 1809.02693).

    A single-stage detector.  Its one addition: if the neck, or the first of
    a list of necks, is an ``SRNFPN`` that does not say which first-step maps
    to build, it builds those that the head's ``stc_levels`` and
    ``str_levels`` use, so that a config switches STC or STR in one place.

    Args:
        backbone, bbox_head (dict): Parts of the detector.
        neck (dict | list[dict]): Neck, or a chain of necks.
        **kwargs: Further arguments of ``SingleStageDetector``.
    """

    def __init__(
        self,
        backbone: ConfigType,
        neck: ConfigType | list[ConfigType],
        bbox_head: ConfigType,
        **kwargs,
    ) -> None:
        super().__init__(backbone=backbone, bbox_head=bbox_head, **kwargs)
        levels = self.bbox_head.stc_levels + self.bbox_head.str_levels
        if isinstance(neck, dict):
            neck = _with_first_step(neck, levels)
        else:
            neck = [_with_first_step(neck[0], levels), *neck[1:]]
        self.neck = MODELS.build(neck)


def _with_first_step(neck: ConfigType, levels: tuple[int, ...]) -> ConfigType:
    """Config of a neck that builds the first-step maps of some levels."""
    if is_config_of(neck, SRNFPN):
        neck = dict(dict(first_step_levels=levels), **neck)
    return neck
