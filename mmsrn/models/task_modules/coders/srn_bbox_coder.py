"""Box coder whose clamp of the size deltas is an option."""

from collections.abc import Sequence

from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.registry import TASK_UTILS
from torch import Tensor


@TASK_UTILS.register_module()
class SRNBBoxCoder(DeltaXYWHBBoxCoder):
    """``DeltaXYWHBBoxCoder`` with SRN's defaults and a free size clamp.

    No means and no standard deviations, as in the function
    ``compute_loc_bboxes`` of the published code.  That code neither clamps
    ``dw`` and ``dh`` nor clips boxes to the image; here both are done, as
    everywhere in mmdet, unless ``max_log_scale`` is raised and
    ``clip_border`` switched off.

    Args:
        max_log_scale (float): Bound on ``|dw|`` and ``|dh|``.  Defaults to
            mmdet's ln(1000 / 16) = 4.135.  80 is no bound in practice, and
            still finite in float32 after ``exp``.
        clip_border (bool): Clip decoded boxes to ``max_shape``.  Without,
            detections may leave the image; and since the NMS of several
            classes keeps these apart only where no coordinate is negative,
            ``SRNHead`` then wants one class.
        **kwargs: Further arguments of ``DeltaXYWHBBoxCoder``.

    Example:
        >>> import torch
        >>> coder = SRNBBoxCoder()
        >>> coder.decode(torch.tensor([[0., 0., 10., 20.]]),
        ...              torch.tensor([[.1, 0., 0., 0.]])).tolist()
        [[1.0, 0.0, 11.0, 20.0]]
    """

    def __init__(
        self,
        max_log_scale: float = 4.135166556742356,
        clip_border: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(clip_border=clip_border, **kwargs)
        # The parent speaks of the ratio whose |ln| is the bound.
        self._wh_ratio = 2.718281828459045**max_log_scale

    def decode(
        self,
        bboxes: Tensor,
        pred_bboxes: Tensor,
        max_shape: Sequence[int] | None = None,
    ) -> Tensor:
        """Apply deltas to boxes.

        Args:
            bboxes (Tensor): Priors x1, y1, x2, y2, shape (N, 4).
            pred_bboxes (Tensor): Deltas dx, dy, dw, dh, shape (N, 4).
            max_shape (Sequence[int], optional): (H, W) to clip to if
                ``clip_border``.

        Returns:
            Tensor: Boxes x1, y1, x2, y2, shape (N, 4).
        """
        return super().decode(
            bboxes, pred_bboxes, max_shape, wh_ratio_clip=self._wh_ratio
        )
