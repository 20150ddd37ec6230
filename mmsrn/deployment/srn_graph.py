"""A detector as one function of pixels, fit to be traced."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.two_step import move_anchors
from mmsrn.models.utils import flatten_levels

__all__ = ['SRNGraph', 'exportable_head']


def exportable_head(detector: nn.Module) -> SRNHead:
    """The head of a detector, if it is one that can be exported.

    Args:
        detector (nn.Module): Any detector.

    Returns:
        SRNHead: Its head.

    Raises:
        ValueError: If it is another head, or one without ``test_cfg``.
    """
    head = getattr(detector, 'bbox_head', None)
    if not isinstance(head, SRNHead):
        kind = type(detector if head is None else head).__name__
        raise ValueError(
            f'a {kind} cannot be exported; use a single-stage detector with '
            'an SRNHead, see configs/srn'
        )
    if head.test_cfg is None:
        raise ValueError('the model has no test_cfg with its thresholds')
    return head


class SRNGraph(nn.Module):
    """From photos to the boxes and scores of all anchors, in both steps.

    Sizes of photos and maps may be symbols: nothing here, in SRN's head and in
    its neck turns them into numbers.  Anchors, the threshold of small maps
    and, where the config asks for it, padding and clipping follow from them.

    Args:
        detector (nn.Module): With an ``SRNHead``, in evaluation mode.

    Raises:
        ValueError: See :func:`exportable_head`.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        exportable_head(detector)
        self.detector = detector

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Candidates of a batch.

        B photos with N anchors each.

        Args:
            images (Tensor): Photos in BGR, uint8, (B, H, W, 3).

        Returns:
            tuple[Tensor, Tensor, Tensor]: Boxes of the second step, x1, y1,
            x2, y2 in pixels, float32, (B, N, 4); scores, 0 where STC, the
            threshold or ``min_bbox_size`` drops them, float32, (B, N,
            classes); levels of the anchors, int64, (N,).
        """
        height, width = images.shape[1], images.shape[2]
        coder = self.detector.bbox_head.bbox_coder
        maps = self.detector.extract_feat(self._normalised(images))
        outputs = self.detector.bbox_head(maps)
        boxes, scores, levels = [], [], []
        for level, (cls_fs, bbox_fs, cls_ss, bbox_ss) in enumerate(
            zip(*outputs)
        ):
            start = self._anchors(cls_ss, level)
            if bbox_fs is not None:
                start = move_anchors(coder, start, self._deltas(bbox_fs))
            deltas = self._deltas(bbox_ss)
            found = coder.decode(start.reshape(-1, 4), deltas.reshape(-1, 4))
            boxes.append(found.reshape(deltas.shape))
            scores.append(self._gated(cls_fs, cls_ss))
            levels.append(
                torch.full((start.shape[1],), level, dtype=torch.int64)
            )
        boxes = self._clipped(torch.cat(boxes, dim=1), height, width)
        scores = self._large(boxes, torch.cat(scores, dim=1))
        return boxes, scores, torch.cat(levels)

    def _normalised(self, images: Tensor) -> Tensor:
        """What the data preprocessor makes of photos of one size."""
        prepare = self.detector.data_preprocessor
        x = images.permute(0, 3, 1, 2)
        if prepare._channel_conversion:
            x = x[:, [2, 1, 0]]
        x = x.float()
        if prepare._enable_normalize:
            x = (x - prepare.mean) / prepare.std
        return self._padded(x) if prepare.pad_size_divisor > 1 else x

    def _padded(self, x: Tensor) -> Tensor:
        """Photos, (B, 3, H, W), with sides of a multiple of the divisor."""
        prepare = self.detector.data_preprocessor
        for dim in (2, 3):  # F.pad would be traced with the example's sizes
            shape = list(x.shape)
            shape[dim] = -shape[dim] % prepare.pad_size_divisor
            border = torch.full(shape, prepare.pad_value, dtype=x.dtype)
            x = torch.cat([x, border.to(x.device)], dim=dim)
        return x

    def _anchors(self, scores: Tensor, level: int) -> Tensor:
        """Anchors of a level, (B, M, 4)."""
        generator = self.detector.bbox_head.prior_generator
        size = scores.shape[2], scores.shape[3]
        anchors = generator.single_level_grid_priors(
            size, level, device=scores.device
        )
        return anchors.expand(scores.shape[0], -1, -1)

    def _deltas(self, maps: Tensor) -> Tensor:
        """Deltas of the anchors of a level, (B, M, 4)."""
        coder = self.detector.bbox_head.bbox_coder
        return flatten_levels([maps], coder.encode_size)

    def _gated(self, first: Tensor | None, second: Tensor) -> Tensor:
        """Scores of a level; ``SRNHead.detectable`` for sizes of symbols."""
        head = self.detector.bbox_head
        first, second_scores = (
            None
            if x is None
            else head.probabilities(flatten_levels([x], head.cls_out_channels))
            for x in (first, second)
        )
        cells = torch.full(
            (), second.shape[2] * second.shape[3], dtype=torch.int64
        )
        threshold = torch.where(
            cells < head.test_cfg.get('small_map_cells', 0),
            0.0,
            head.test_cfg.get('score_thr', 0),
        )
        found = head.gate.detectable(first, second_scores, threshold)
        return torch.where(found, second_scores, 0.0)

    def _clipped(self, boxes: Tensor, height: int, width: int) -> Tensor:
        """Boxes inside the photo, if the coder of the config clips.

        Its own clipping cannot be traced with mmdet 3.
        """
        coder = self.detector.bbox_head.bbox_coder
        if not getattr(coder, 'clip_border', False):
            return boxes
        sides = [
            torch.full((), side, dtype=boxes.dtype) for side in (width, height)
        ]
        return boxes.clamp(min=0).minimum(torch.stack(sides * 2))

    def _large(self, boxes: Tensor, scores: Tensor) -> Tensor:
        """Scores, 0 for boxes that the config wants to be larger.

        mmdet drops these boxes after it has taken the best ``nms_pre``, where
        they may be in the way of others.
        """
        least = self.detector.bbox_head.test_cfg.get('min_bbox_size', -1)
        if least < 0:
            return scores
        sides = boxes[..., 2:] - boxes[..., :2]
        return torch.where(sides.amin(-1, keepdim=True) > least, scores, 0.0)
