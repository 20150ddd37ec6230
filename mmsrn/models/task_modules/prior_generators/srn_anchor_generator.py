"""Anchors with the rounding of the published SRN."""

import torch
from mmdet.models.task_modules.prior_generators import AnchorGenerator
from mmdet.registry import TASK_UTILS
from torch import Tensor


@TASK_UTILS.register_module()
class SRNAnchorGenerator(AnchorGenerator):
    """Anchor generator with integer base boxes, as in the published code.

    For base size S (the stride) and ratio r = h/w the base box has the size
    ``w = round(sqrt(S * S / r))``, ``h = round(w * r)`` (halves to even),
    counted with the +1 convention; it is then scaled without a second
    rounding and centred on ``(S - 1) / 2``.  For the plain, unrounded anchors
    use mmdet's ``AnchorGenerator`` with the same scales and ratios.

    Arguments are those of ``AnchorGenerator``; ``scales`` and ``ratios`` of
    SRN are ``[2, 2.828427]`` and ``[1.25]``.  Other centres are given by
    ``centers``; ``center_offset``, a share of the anchor's size, does not go
    with the published centre.

    Source: functions ``generate_anchors`` and ``get_anchors_over_plane`` and
    ``config.json`` of the published code.

    Raises:
        ValueError: If ``center_offset`` is not 0.

    Example:
        >>> gen = SRNAnchorGenerator(
        ...     strides=[4], ratios=[1.25], scales=[2, 2.828427])
        >>> gen.base_anchors[0][0].tolist()
        [-2.0, -3.0, 5.0, 6.0]
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.center_offset != 0:
            raise ValueError(
                f'SRNAnchorGenerator: center_offset={self.center_offset} has '
                'no meaning for anchors centred on (S - 1) / 2; set centers'
            )

    def gen_single_level_base_anchors(
        self,
        base_size: int | float,
        scales: Tensor,
        ratios: Tensor,
        center: tuple[float, float] | None = None,
    ) -> Tensor:
        """Anchors of one level at its first cell.

        Args:
            base_size (int | float): S, in pixels.
            scales (Tensor): Scales, shape (s,).
            ratios (Tensor): Height over width, shape (r,).
            center (tuple[float, float], optional): Centre x, y in pixels,
                ``(S - 1) / 2`` by default.

        Returns:
            Tensor: Boxes x1, y1, x2, y2 in pixels, float32, shape (r * s, 4),
            scales varying fastest if ``scale_major``.
        """
        scales, ratios = scales.double(), ratios.double()
        ws = torch.round(torch.sqrt(base_size**2 / ratios))
        hs = torch.round(ws * ratios)
        sizes = torch.stack([ws, hs], dim=-1)
        if self.scale_major:
            sizes = sizes[:, None] * scales[None, :, None]
        else:
            sizes = sizes[None] * scales[:, None, None]
        half = 0.5 * (sizes.reshape(-1, 2) - 1)
        if center is None:
            center = (0.5 * (base_size - 1),) * 2
        middle = half.new_tensor(center)
        return torch.cat([middle - half, middle + half], dim=-1).float()
