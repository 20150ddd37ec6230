"""RFE as a stage after any neck."""

from mmdet.registry import MODELS
from mmdet.utils import ConfigType, OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn


@MODELS.register_module()
class RFENeck(BaseModule):
    """Applies RFE to every level of a pyramid; chain it after any neck.

    Args:
        in_channels (int): Channels of every level.
        num_levels (int): Number of maps the neck in front puts out.
        shared (bool): One block for all levels instead of one for each.
        rfe (dict): Config of the block; ``in_channels`` is filled in.
        init_cfg (dict | list[dict], optional): Initialisation.

    Example:
        >>> neck = [
        ...     dict(type='FPN', in_channels=[256, 512], out_channels=256,
        ...          num_outs=5),
        ...     dict(type='RFENeck', in_channels=256, num_levels=5),
        ... ]
    """

    def __init__(
        self,
        in_channels: int,
        num_levels: int,
        shared: bool = False,
        rfe: ConfigType = dict(type='RFE'),
        init_cfg: OptMultiConfig = dict(
            type='Normal', layer='Conv2d', std=0.01
        ),
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.num_levels = num_levels
        self.blocks = nn.ModuleList(
            MODELS.build(dict(rfe, in_channels=in_channels))
            for _ in range(1 if shared else num_levels)
        )

    def forward(self, feats: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Enhance each map.

        Args:
            feats (tuple[Tensor]): ``num_levels`` maps (N, C, H, W).  A map
                that is ``None`` (not built by :class:`SRNFPN`) stays so.

        Returns:
            tuple[Tensor]: Maps of the same shapes.

        Raises:
            ValueError: If the number of maps is not ``num_levels``.
        """
        if len(feats) != self.num_levels:
            raise ValueError(
                f'RFENeck: num_levels={self.num_levels}, but the neck before '
                f'it put out {len(feats)} maps'
            )
        blocks = self.blocks
        if len(blocks) == 1:
            blocks = [blocks[0]] * self.num_levels
        return tuple(
            None if feat is None else block(feat)
            for block, feat in zip(blocks, feats)
        )
