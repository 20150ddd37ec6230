"""Maps for two steps from two necks."""

from mmdet.registry import MODELS
from mmdet.utils import ConfigType, OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor


@MODELS.register_module()
class TwoStepNeck(BaseModule):
    """The first-step maps of one neck, then the second-step maps of another.

    What ``SRNFPN`` does with its own pyramid, for any pair of necks.

    Args:
        first, second (dict): Necks that put out as many maps as ``SRNHead``
            has levels, of equal sizes and channels.
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
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.first = MODELS.build(first)
        self.second = MODELS.build(second)

    def forward(self, feats: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Build both sets of maps.

        Args:
            feats (tuple[Tensor]): Backbone maps, (N, C_i, H_i, W_i).

        Returns:
            tuple[Tensor]: Maps of ``first``, then those of ``second``.
        """
        return (*self.first(feats), *self.second(feats))
