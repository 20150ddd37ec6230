"""The feature pyramid of SRN: one set of maps for each of the two steps."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmdet.utils import OptConfigType, OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn


@MODELS.register_module()
class SRNFPN(BaseModule):
    """FPN with a first-step set of maps (C) and a second-step set (P).

    The C maps are 1x1 convolutions of the backbone's maps and of
    ``num_outs - len(in_channels)`` further maps, each a stride-2 3x3
    convolution of the one before.  The P maps are 3x3 convolutions of the
    top-down sums; the extra P levels start from the top *lateral*, and no
    activation stands between them.  No convolution has a norm or a ReLU
    unless ``norm_cfg`` or ``act_cfg`` says so.  Up-sampling goes to the exact
    size of the lateral, so inputs need no padding to a stride's multiple.

    Source: SRN (arXiv 1809.02693), figure 2; ``resnet_srn.py`` of the
    published code, whose P6 starts from the lateral of C5.

    Args:
        in_channels (list[int]): Channels of the backbone's maps, in the order
            of growing stride (2x each).
        out_channels (int): Channels of all maps put out.
        num_outs (int): Levels of each set, at least ``len(in_channels)``.
        first_step_levels (tuple[int], optional): Indices of the C maps to
            build: the levels of STC and STR.  The others are ``None`` in the
            output and have no weights, so that no parameter stays without a
            gradient.  Defaults to all levels; an empty tuple builds no C set
            and the output has ``num_outs`` maps.
        extra_channels (tuple[int], optional): Channels of the further maps
            C6, C7, ...  Defaults to 4 x and then 1 x ``out_channels`` as
            published (1024, 256).
        extra_convs_on (str): ``'lateral'`` (the code) or ``'output'`` (the
            paper's wording): what the extra P levels start from.
        upsample_mode (str): ``'bilinear'`` or ``'nearest'``.
        align_corners (bool): Corner convention of bilinear up-sampling.
            ``True`` is what the published weights were trained with.
        conv_cfg, norm_cfg, act_cfg (dict, optional): As in ``ConvModule``,
            for every convolution.
        init_cfg (dict | list[dict], optional): Initialisation.

    Raises:
        ValueError: If an argument does not fit the others.

    Example:
        >>> import torch
        >>> neck = SRNFPN([256, 512, 1024, 2048], 256, 6)
        >>> feats = [torch.zeros(1, c, 64 // s, 64 // s)
        ...          for c, s in zip(neck.in_channels, (1, 2, 4, 8))]
        >>> len(neck(feats))
        12
    """

    def __init__(
        self,
        in_channels: list[int],
        out_channels: int,
        num_outs: int,
        first_step_levels: tuple[int, ...] | None = None,
        extra_channels: tuple[int, ...] | None = None,
        extra_convs_on: str = 'lateral',
        upsample_mode: str = 'bilinear',
        align_corners: bool = True,
        conv_cfg: OptConfigType = None,
        norm_cfg: OptConfigType = None,
        act_cfg: OptConfigType = None,
        init_cfg: OptMultiConfig = dict(
            type='SRNNormalInit', layer='Conv2d', std=0.01
        ),
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.in_channels = list(in_channels)
        self.out_channels = out_channels
        self.num_outs = num_outs
        if first_step_levels is None:
            first_step_levels = tuple(range(num_outs))
        self.first_step_levels = tuple(sorted(set(first_step_levels)))
        if extra_channels is None:
            num_extra = num_outs - len(in_channels)
            extra_channels = (4 * out_channels,) + (out_channels,) * num_extra
            extra_channels = extra_channels[: max(num_extra, 0)]
        self.extra_convs_on = extra_convs_on
        self.upsample_cfg = dict(mode=upsample_mode)
        if upsample_mode == 'bilinear':
            self.upsample_cfg['align_corners'] = align_corners
        self._check_arguments(extra_channels)
        self._build_convs(
            [*in_channels, *extra_channels],
            dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg),
        )

    def _check_arguments(self, extra_channels: tuple[int, ...]) -> None:
        num_ins, num_outs = len(self.in_channels), self.num_outs
        if num_outs < num_ins:
            raise ValueError(
                f'SRNFPN: num_outs={num_outs} is less than the '
                f'{num_ins} maps of in_channels={self.in_channels}'
            )
        if not set(self.first_step_levels) <= set(range(num_outs)):
            raise ValueError(
                f'SRNFPN: first_step_levels={self.first_step_levels} must '
                f'lie in 0..{num_outs - 1} (num_outs={num_outs})'
            )
        if len(extra_channels) != num_outs - num_ins:
            raise ValueError(
                f'SRNFPN: extra_channels={tuple(extra_channels)} must name '
                f'num_outs - len(in_channels) = {num_outs - num_ins} maps'
            )
        if self.extra_convs_on not in ('lateral', 'output'):
            raise ValueError(
                "SRNFPN: extra_convs_on must be 'lateral' or 'output', got "
                f'{self.extra_convs_on!r}'
            )
        mode = self.upsample_cfg['mode']
        if mode not in ('bilinear', 'nearest'):
            raise ValueError(
                "SRNFPN: upsample_mode must be 'bilinear' or 'nearest', got "
                f'{mode!r}'
            )

    def _build_convs(self, channels: list[int], conv_cfgs: dict) -> None:
        """Build the layers, of all C maps and of all P maps.

        Args:
            channels (list[int]): Of the backbone's and the further maps.
            conv_cfgs (dict): ``conv_cfg``, ``norm_cfg`` and ``act_cfg``.
        """

        def conv(inputs: int, outputs: int, kernel: int, stride: int = 1):
            return ConvModule(
                inputs,
                outputs,
                kernel,
                stride=stride,
                padding=kernel // 2,
                inplace=False,
                **conv_cfgs,
            )

        num_ins, width = len(self.in_channels), self.out_channels
        # Extra C maps above the highest first-step level would get no
        # gradient, so they are not built.
        top = max(self.first_step_levels, default=-1)
        self.extra_convs = nn.ModuleList(
            conv(channels[i - 1], channels[i], 3, stride=2)
            for i in range(num_ins, top + 1)
        )
        self.first_step_convs = nn.ModuleDict(
            {
                str(i): conv(channels[i], width, 1)
                for i in self.first_step_levels
            }
        )
        self.lateral_convs = nn.ModuleList(
            conv(c, width, 1) for c in self.in_channels
        )
        self.fpn_convs = nn.ModuleList(
            conv(width, width, 3, stride=1 + (i >= num_ins))
            for i in range(self.num_outs)
        )

    def check_number_of_feats(self, feats: Sequence[Tensor]) -> None:
        """Check that the backbone puts out the maps of ``in_channels``.

        Args:
            feats (Sequence[Tensor]): See :meth:`forward`.

        Raises:
            ValueError: If it does not.
        """
        if len(feats) != len(self.in_channels):
            raise ValueError(
                f'SRNFPN: in_channels names {len(self.in_channels)} maps, but '
                f"the backbone gave {len(feats)} (check its 'out_indices')"
            )

    def forward(self, feats: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        """Build both sets of maps.

        Args:
            feats (tuple[Tensor]): Backbone maps, (N, ``in_channels[i]``, H_i,
                W_i).

        Returns:
            tuple[Tensor | None]: ``2 * num_outs`` maps: the C set (first
            step), then the P set (second step), each by growing stride; only
            the P set if ``first_step_levels`` is empty.

        Raises:
            ValueError: If the number of maps does not fit ``in_channels``.
        """
        self.check_number_of_feats(feats)
        second = self._second_step(feats)
        if not self.first_step_levels:
            return tuple(second)
        return (*self._first_step(feats), *second)

    def _first_step(self, feats: Sequence[Tensor]) -> list[Tensor | None]:
        """The C set: 1x1 convolutions of the backbone's and further maps."""
        maps: list[Tensor | None] = [None] * self.num_outs
        for i in range(len(feats) + len(self.extra_convs)):
            if i < len(feats):
                feat = feats[i]
            else:
                feat = self.extra_convs[i - len(feats)](feat)
            if i in self.first_step_levels:
                maps[i] = self.first_step_convs[str(i)](feat)
        return maps

    def _second_step(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """The P set: 3x3 convolutions of the top-down sums."""
        sums = [conv(x) for conv, x in zip(self.lateral_convs, feats)]
        top = len(feats) - 1
        for i in range(top, 0, -1):
            sums[i - 1] = sums[i - 1] + F.interpolate(
                sums[i], size=sums[i - 1].shape[-2:], **self.upsample_cfg
            )
        maps: list[Tensor] = []
        for i, conv in enumerate(self.fpn_convs):
            if i <= top:
                start = sums[i]
            elif i == top + 1 and self.extra_convs_on == 'lateral':
                start = sums[top]
            else:
                start = maps[-1]
            maps.append(conv(start))
        return maps
