"""Maps for two steps from two necks."""

from __future__ import annotations

from mmdet.registry import MODELS
from mmdet.utils import ConfigType, OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor


@MODELS.register_module()
class TwoStepNeck(BaseModule):
    """Joins two necks: one for the first step, one for the second.

    It puts out two sets of maps, as ``SRNFPN`` does, for any pair of necks.

    Args:
        first, second (dict): Necks that put out as many maps as ``SRNHead``
            has levels, of equal sizes and channels.
        first_step_levels (tuple[int], optional): Indices of the first-step
            maps that the head uses; ``SRN`` fills them in.  The others are
            ``None`` in the output; weights of ``first`` that serve only these
            get a gradient of zero, so that distributed training does not
            stall.
            Defaults to all levels; an empty tuple builds no ``first``, and
            the output has the maps of ``second`` alone.
        init_cfg (dict | list[dict], optional): Initialisation.

    Example:
        >>> neck = dict(
        ...     type='TwoStepNeck',
        ...     first=dict(type='ChannelMapper', in_channels=[512, 1024],
        ...                kernel_size=1, out_channels=256, num_outs=4),
        ...     second=dict(type='PAFPN', in_channels=[512, 1024],
        ...                 out_channels=256, num_outs=4))
    """

    def __init__(
        self,
        first: ConfigType,
        second: ConfigType,
        first_step_levels: tuple[int, ...] | None = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.first_step_levels = first_step_levels
        self.first = None
        if first_step_levels is None or len(first_step_levels):
            self.first = MODELS.build(first)
        self.second = MODELS.build(second)

    def forward(self, feats: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        """Build both sets of maps.

        Args:
            feats (tuple[Tensor]): Backbone maps, (N, C_i, H_i, W_i).

        Returns:
            tuple[Tensor | None]: Maps of ``first``, then those of ``second``.
        """
        second = list(self.second(feats))
        if self.first is None:
            return tuple(second)
        first: list[Tensor | None] = list(self.first(feats))
        if self.first_step_levels is not None:
            for i in set(range(len(first))) - set(self.first_step_levels):
                if self.training:
                    second[0] = second[0] + (first[i] * 0).sum()
                first[i] = None
        return (*first, *second)
