"""Subnets and predictors of a head with two steps."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import partial

from mmdet.models.dense_heads import AnchorHead
from mmdet.utils import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor, nn

from ..layers.subnet import build_subnet
from ..two_step import TwoStepMaps
from ..utils import (
    check_first_maps,
    check_number_of_maps,
    checked_levels,
    flatten_levels,
    with_predictors,
)


class TwoStepHead(AnchorHead):
    """Base of SRN's head: class logits and box deltas of both steps.

    One pair of subnets and predictors serves all levels and, unless
    ``separate_steps`` is set, both steps.  :class:`SRNHead` interprets the
    outputs and documents the arguments.

    Args:
        num_classes, in_channels, feat_channels, stacked_convs, rfe,
            stc_levels, str_levels, refine_predictor, separate_steps,
            conv_cfg, norm_cfg, anchor_generator, bbox_coder, init_cfg,
            predictor_init: See :class:`SRNHead`.
        **kwargs: As in ``AnchorHead``.

    Raises:
        ValueError: If an argument does not fit the others.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        feat_channels: int = 256,
        stacked_convs: int = 4,
        rfe: OptConfigType = dict(type='RFE'),
        stc_levels: tuple[int, ...] = (0, 1, 2),
        str_levels: tuple[int, ...] = (3, 4, 5),
        refine_predictor: bool = False,
        separate_steps: bool = False,
        conv_cfg: OptConfigType = None,
        norm_cfg: OptConfigType = None,
        anchor_generator: ConfigType = dict(
            type='SRNAnchorGenerator',
            strides=[4, 8, 16, 32, 64, 128],
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        bbox_coder: ConfigType = dict(type='SRNBBoxCoder'),
        init_cfg: OptMultiConfig = dict(
            type='SRNNormalInit', layer='Conv2d', std=0.01
        ),
        predictor_init: OptConfigType = None,
        **kwargs,
    ) -> None:
        if rfe is not None and stacked_convs < 2:
            raise ValueError(
                'SRNHead: RFE takes the place of two convolutions, but '
                f'stacked_convs={stacked_convs}'
            )
        self.stacked_convs = stacked_convs
        # Without levels that use it, it would be a weight without a gradient.
        self.refine_predictor = refine_predictor and bool(str_levels)
        self.separate_cls = separate_steps and bool(stc_levels)
        self.separate_reg = separate_steps and bool(str_levels)
        self.rfe = rfe
        self.conv_cfg = conv_cfg
        self.norm_cfg = norm_cfg
        super().__init__(
            num_classes,
            in_channels,
            feat_channels,
            anchor_generator=anchor_generator,
            bbox_coder=bbox_coder,
            init_cfg=init_cfg,
            **kwargs,
        )
        n = self.prior_generator.num_levels
        self.stc_levels = checked_levels('SRNHead: stc_levels', stc_levels, n)
        self.str_levels = checked_levels('SRNHead: str_levels', str_levels, n)
        self.init_cfg = with_predictors(
            init_cfg, predictor_init, self, self._channel_biases()
        )

    @property
    def predictor_channels(self) -> int:
        """Channels that a class predictor puts out."""
        return self.num_base_priors * self.cls_out_channels

    def _init_layers(self) -> None:
        subnet = partial(
            build_subnet,
            self.in_channels,
            self.feat_channels,
            self.stacked_convs,
            self.rfe,
            self.conv_cfg,
            self.norm_cfg,
        )
        self.cls_convs = subnet()
        self.reg_convs = subnet()
        num_priors = self.num_base_priors
        logits = self.predictor_channels
        self.conv_cls = nn.Conv2d(self.feat_channels, logits, 1)
        deltas = num_priors * self.bbox_coder.encode_size
        self.conv_reg = nn.Conv2d(self.feat_channels, deltas, 1)
        if self.refine_predictor:
            self.conv_refine = nn.Conv2d(self.feat_channels, deltas, 1)
        if self.separate_cls:
            self.cls_convs_fs = subnet()
            self.conv_cls_fs = nn.Conv2d(self.feat_channels, logits, 1)
        if self.separate_reg:
            self.reg_convs_fs = subnet()
            self.conv_reg_fs = nn.Conv2d(self.feat_channels, deltas, 1)

    def _channel_biases(self) -> list[ConfigType]:
        """Overrides of ``init_cfg`` for some channels of class predictors.

        A softmax starts from the background, as a sigmoid: of n + 1 classes
        with equal biases b each has 1 / (n + 1); this gives all classes
        together sigmoid(b), their ``bias_prob``.
        """
        if self.use_sigmoid_cls:
            return []
        return self._biases_of_classes(
            math.log(self.num_classes), self.num_classes, self.cls_out_channels
        )

    def _biases_of_classes(
        self, bias: float, start: int, step: int = 1
    ) -> list[ConfigType]:
        """One bias for some channels of the class predictors of both steps."""
        cfg = dict(type='ChannelBiasInit', bias=bias, start=start, step=step)
        names = ['conv_cls', *['conv_cls_fs'] * self.separate_cls]
        return [dict(cfg, name=name) for name in names]

    def cls_layers(self, first: bool = False) -> list[nn.Module]:
        """Layers from a map to class logits.

        Args:
            first (bool): Of the first step.

        Returns:
            list[nn.Module]: Those of the subnet, then the predictor.
        """
        if first and self.separate_cls:
            return [*self.cls_convs_fs, self.conv_cls_fs]
        return [*self.cls_convs, self.conv_cls]

    def reg_layers(
        self, refine: bool = False, first: bool = False
    ) -> list[nn.Module]:
        """Layers from a map to box deltas.

        Args:
            refine (bool): Whether the predictor is ``conv_refine``.
            first (bool): Of the first step.

        Returns:
            list[nn.Module]: Those of the subnet, then the predictor.
        """
        if first and self.separate_reg:
            return [*self.reg_convs_fs, self.conv_reg_fs]
        predictor = self.conv_refine if refine else self.conv_reg
        return [*self.reg_convs, predictor]

    def forward_cls(self, x: Tensor, first: bool = False) -> Tensor:
        """Class logits of one map.

        Args:
            x (Tensor): Features, (N, in_channels, H, W).
            first (bool): Of the first step.

        Returns:
            Tensor: Logits, (N, priors * channels, H, W).
        """
        for layer in self.cls_layers(first):
            x = layer(x)
        return x

    def class_logits(self, scores: Tensor, level: int) -> Tensor:
        """Class logits from what a class predictor puts out.

        Args:
            scores (Tensor): Result of :meth:`forward_cls`.
            level (int): Index of the level of the map.

        Returns:
            Tensor: (N, priors * channels, H, W); here the same.
        """
        return scores

    def forward_reg(
        self, x: Tensor, refine: bool = False, first: bool = False
    ) -> Tensor:
        """Box deltas of one map.

        Args:
            x (Tensor): Features, (N, in_channels, H, W).
            refine (bool): By ``conv_refine``.
            first (bool): Of the first step.

        Returns:
            Tensor: Deltas, (N, priors * 4, H, W).
        """
        for layer in self.reg_layers(refine, first):
            x = layer(x)
        return x

    def forward(self, x: tuple[Tensor | None, ...]) -> TwoStepMaps:
        """Predict both steps on all levels.

        Args:
            x (tuple[Tensor | None]): Maps by growing stride: n (both steps
                look at the same maps) or 2n (first-step maps, then
                second-step maps; first-step maps that no selection uses may
                be ``None``), n being the levels of the anchor generator.

        Returns:
            TwoStepMaps: Logits and deltas of both steps on the n levels.

        Raises:
            ValueError: If the number of maps fits neither n nor 2n, or a map
                that is needed is ``None``.
        """
        n = self.prior_generator.num_levels
        self.check_number_of_maps(x)
        first, second = x[:n], x[-n:]
        self.check_first_maps(
            [i for i, maps in enumerate(first) if maps is not None]
        )
        refine = [
            self.refine_predictor and i in self.str_levels for i in range(n)
        ]
        cls_ss, bbox_ss = [], []
        for i, maps in enumerate(second):
            cls_ss.append(self.class_logits(self.forward_cls(maps), i))
            bbox_ss.append(self.forward_reg(maps, refine[i]))
        cls_fs: list[Tensor | None] = [None] * n
        bbox_fs: list[Tensor | None] = [None] * n
        for i in self.stc_levels:
            if first[i] is second[i] and not self.separate_cls:
                cls_fs[i] = cls_ss[i]
            else:
                logits = self.forward_cls(first[i], True)
                cls_fs[i] = self.class_logits(logits, i)
        for i in self.str_levels:
            if first[i] is second[i] and not (refine[i] or self.separate_reg):
                bbox_fs[i] = bbox_ss[i]
            else:
                bbox_fs[i] = self.forward_reg(first[i], first=True)
        return TwoStepMaps(cls_fs, bbox_fs, cls_ss, bbox_ss)

    def check_number_of_maps(self, x: tuple[Tensor | None, ...]) -> None:
        """Check that a neck puts out n or 2n maps.

        Args:
            x (tuple[Tensor | None]): See :meth:`forward`.

        Raises:
            ValueError: If it does not.
        """
        check_number_of_maps('SRNHead', x, self.prior_generator.num_levels)

    def check_first_maps(self, levels: Collection[int]) -> None:
        """Check that the first-step maps that are needed exist.

        Args:
            levels (Collection[int]): Indices of the levels that have one.

        Raises:
            ValueError: If one is missing.
        """
        check_first_maps(
            f'SRNHead: stc_levels={self.stc_levels} and str_levels='
            f'{self.str_levels}',
            self.stc_levels + self.str_levels,
            levels,
        )

    def probabilities(self, logits: Tensor) -> Tensor:
        """Turn logits into probabilities of the classes.

        Args:
            logits (Tensor): (..., channels).

        Returns:
            Tensor: (..., num_classes), without the background of a softmax.
        """
        if self.use_sigmoid_cls:
            return logits.sigmoid()
        return logits.softmax(dim=-1)[..., :-1]

    def scores_of(self, logits: Tensor) -> Tensor:
        """Probabilities of the classes of the priors of a map.

        Args:
            logits (Tensor): Class logits, (B, priors * channels, H, W).

        Returns:
            Tensor: (B, H, W, priors, num_classes).
        """
        batch, _, height, width = logits.shape
        flat = flatten_levels([logits], self.cls_out_channels)
        scores = self.probabilities(flat)
        return scores.view(batch, height, width, -1, scores.shape[-1])
