"""Box voting after the NMS of a dense head."""

from __future__ import annotations

from mmdet.utils import ConfigType, OptConfigType
from mmengine.structures import InstanceData

from mmsrn.utils.vote_iou import check_vote_iou

from ..utils import vote_boxes


class BoxVotingMixin:
    """Dense head of mmdet whose ``test_cfg`` may have ``vote_iou``.

    Args:
        *args, **kwargs: Of the head.
        test_cfg (dict, optional): Of the head.

    Raises:
        ValueError: If ``vote_iou`` is out of its range, see ``vote_boxes``.
    """

    def __init__(
        self, *args, test_cfg: OptConfigType = None, **kwargs
    ) -> None:
        check_vote_iou((test_cfg or {}).get('vote_iou'))
        super().__init__(*args, test_cfg=test_cfg, **kwargs)

    def _bbox_post_process(
        self,
        results: InstanceData,
        cfg: ConfigType,
        rescale: bool = False,
        with_nms: bool = True,
        img_meta: dict | None = None,
    ) -> InstanceData:
        """Detections of one image, see ``BaseDenseHead``."""
        vote_iou = cfg.get('vote_iou')
        candidates = super()._bbox_post_process(
            results, cfg, rescale, with_nms and vote_iou is None, img_meta
        )
        if not with_nms or vote_iou is None:
            return candidates
        found = super()._bbox_post_process(candidates, cfg)
        offset = (cfg.nms or {}).get('offset', 0)
        found.bboxes = vote_boxes(found, candidates, vote_iou, offset)
        return found
