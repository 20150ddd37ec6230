"""The two-step dense head of SRN."""

import copy
import math
from collections.abc import Collection
from typing import NamedTuple

import torch
from mmcv.cnn import ConvModule
from mmdet.models.dense_heads import AnchorHead
from mmdet.models.utils import (
    multi_apply,
    select_single_mlvl,
    unpack_gt_instances,
)
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.utils import (
    ConfigType,
    InstanceList,
    OptConfigType,
    OptInstanceList,
    OptMultiConfig,
)
from torch import Tensor, nn

from ..sparse import BuiltPyramid, Pyramid
from ..two_step import (
    BoxSamples,
    StepAssigner,
    StepTargets,
    box_quality,
    move_anchors,
    selection_log,
)
from ..utils import flatten_levels, level_mask, reject_unknown
from .selective_forward import check_settings, selective_forward
from .selective_training import selective_loss, training_choice

Maps = list[Tensor | None]


class TwoStepTargets(NamedTuple):
    """What both steps start from, and should predict, in a batch.

    B images, N priors each.

    Attributes:
        level_sizes (list[int]): Priors of every level, sum N.
        valid (Tensor): bool, (B, N): False for cells in the padding.
        anchors (Tensor): Anchors of the first step: x1, y1, x2, y2 in pixels,
            (B, N, 4).
        moved (Tensor): Those of the second step, (B, N, 4).
        first (StepTargets): Targets of the first step.
        second (StepTargets): Targets of the second step.
    """

    level_sizes: list[int]
    valid: Tensor
    anchors: Tensor
    moved: Tensor
    first: StepTargets
    second: StepTargets


@MODELS.register_module()
class SRNHead(AnchorHead):
    """Shared subnets that predict twice: selective classification and boxes.

    The first step looks at the first-step maps.  On ``stc_levels`` its scores
    decide which negatives the second step still sees (STC), on ``str_levels``
    its deltas move the anchors of the second step (STR).  The second step
    looks at the second-step maps of all levels and gives the detections.  One
    pair of subnets and predictors serves all levels and, unless
    ``separate_steps`` is set, both steps.

    Source: SRN (arXiv 1809.02693); ``srn.py`` and ``rpn_proposal.py`` of the
    published code.

    Args:
        num_classes (int): Classes without the background.
        in_channels (int): Channels of the maps.
        feat_channels (int): Channels inside the subnets.
        stacked_convs (int): 3x3 convolutions of each subnet; RFE takes the
            place of the middle two.

        rfe (dict, optional): Config of the RFE layer; ``None`` leaves all
            ``stacked_convs`` convolutions in place.
        stc_levels (tuple[int]): Indices of the levels with two-step
            classification; empty switches STC off.
        str_levels (tuple[int]): Indices of the levels with two-step
            regression; empty switches STR off.
        theta (float): Background confidence above which STC drops a negative.
        detach_anchors (bool): Whether moved anchors pass no gradient on.
        refine_negatives (bool): Whether STR may make positives of anchors
            that are background in the first step.  Such anchors are far from
            the face or of another size; a short training moves them badly,
            yet they score high and suppress better boxes of other levels.
        refine_predictor (bool): Whether the second step has a box predictor
            of its own, ``conv_refine``, on ``str_levels``.  Shared, one
            predictor must give whole offsets for anchors of the grid and what
            is left of them for moved ones, which takes long to learn.
        separate_steps (bool): Whether the first step has subnets and
            predictors of its own, ``cls_convs_fs``, ``conv_cls_fs``,
            ``reg_convs_fs`` and ``conv_reg_fs``; those of a module that is
            switched off are not built.

        conv_cfg, norm_cfg (dict, optional): As in ``ConvModule``, for the
            subnets.
        anchor_generator, bbox_coder, reg_decoded_bbox, loss_cls, loss_bbox:
            As in ``AnchorHead``; ``loss_cls`` may be ``QualityFocalLoss`` or
            ``VarifocalLoss``: scores then tell the overlap of their boxes.
        loss_stc (dict): Config of the selective classification loss;
            ``loss_cls``, ``levels`` and ``theta`` are the head's.
        loss_str (dict): Config of the selective regression loss;
            ``loss_bbox`` and ``levels`` are the head's.
        train_cfg (dict, optional): ``first_step`` and ``second_step``, each
            with ``assigner`` and optionally ``sampler`` and
            ``allowed_border``.  ``forward``: ``'dense'``, the default,
            computes whole maps; ``'selective'`` the second step only where a
            loss reads it; ``'auto'`` does so on each level where it is less
            work.  Losses and gradients are the same.  ``crossover``: the
            share of the multiply-adds of whole maps above which ``'auto'``
            computes these.
        test_cfg (dict, optional): ``nms_pre`` (per level), ``score_thr``,
            ``nms``, ``max_per_img`` as in mmdet, and ``small_map_cells``:
            on maps of fewer cells every anchor passes ``score_thr`` (120 in
            the published code; 0, the default, switches this off).
            ``inference``: ``'dense'``, the default, computes whole maps;
            ``'selective'`` the second step of the levels of STC, and boxes,
            only where the scores so far may become detections; ``'auto'``
            does so on each level where it is faster.  The detections are the
            same.  ``crossover``: the share of the multiply-adds of whole maps
            above which ``'auto'`` computes these.  ``coarse_first_step``: a
            dict, with which the first step runs coarsely, and again as it is
            where that does not tell whether a prior survives: in ``dtype``
            ``'bfloat16'`` (the default), ``'float16'``, or ``'float32'`` by
            Winograd's convolutions; ``band`` (0.25, of ``'float32'`` 0.01) is
            how far a logit may be off.  Not in ``'dense'``.
        init_cfg (dict | list[dict]): Initialisation; by default an anchor is
            one of the classes with a probability of 0.01.

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
        theta: float = 0.99,
        detach_anchors: bool = True,
        refine_negatives: bool = True,
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
        loss_cls: ConfigType = dict(
            type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25
        ),
        loss_bbox: ConfigType = dict(type='SmoothL1Loss', beta=0.11),
        loss_stc: ConfigType = dict(type='STCLoss'),
        loss_str: ConfigType = dict(type='STRLoss'),
        train_cfg: OptConfigType = None,
        test_cfg: OptConfigType = None,
        init_cfg: OptMultiConfig = dict(
            type='SRNNormalInit',
            layer='Conv2d',
            std=0.01,
            override=dict(
                type='SRNNormalInit', name='conv_cls', std=0.01, bias_prob=0.01
            ),
        ),
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
            loss_cls=loss_cls,
            loss_bbox=loss_bbox,
            test_cfg=test_cfg,
            init_cfg=init_cfg,
            **kwargs,
        )
        num_levels = self.prior_generator.num_levels
        for name, levels in (('stc', stc_levels), ('str', str_levels)):
            if not isinstance(levels, (tuple, list)):
                raise ValueError(
                    f'SRNHead: {name}_levels={levels!r} must be a tuple of '
                    'indices, such as (0, 1); () switches the module off'
                )
            if not set(levels) <= set(range(num_levels)):
                raise ValueError(
                    f'SRNHead: {name}_levels={tuple(levels)} must lie in '
                    f'0..{num_levels - 1}: the anchor generator has '
                    f'{num_levels} levels'
                )
        for name, cfg, filled_in in (
            (
                'loss_stc',
                loss_stc,
                dict(loss_cls='loss_cls', levels='stc_levels', theta='theta'),
            ),
            (
                'loss_str',
                loss_str,
                dict(loss_bbox='loss_bbox', levels='str_levels'),
            ),
        ):
            for key in filled_in.keys() & cfg.keys():
                raise ValueError(
                    f"SRNHead: {name} sets '{key}'; set '{filled_in[key]}' of "
                    'the head in its place'
                )
        self.loss_cls = MODELS.build(
            dict(
                loss_stc,
                loss_cls=loss_cls,
                levels=tuple(sorted(set(stc_levels))),
                theta=theta,
            )
        )
        self.gate = self.loss_cls.gate
        self.loss_bbox = MODELS.build(
            dict(
                loss_str,
                loss_bbox=loss_bbox,
                levels=tuple(sorted(set(str_levels))),
            )
        )
        if self.loss_cls.takes_quality and not self.use_sigmoid_cls:
            raise ValueError(
                f'SRNHead: loss_cls={loss_cls["type"]} has no class for the '
                'background; write use_sigmoid=True into it'
            )
        self.check_test_cfg()
        self.detach_anchors = detach_anchors
        self.refine_negatives = refine_negatives
        self.train_cfg = train_cfg
        if train_cfg:
            reject_unknown(
                train_cfg,
                ('first_step', 'second_step', 'forward', 'crossover'),
                "SRNHead's train_cfg",
            )
            training_choice(train_cfg)
            for step in ('first_step', 'second_step'):
                if step not in train_cfg:
                    raise ValueError(
                        "SRNHead: train_cfg needs 'first_step' and "
                        f"'second_step', got {sorted(train_cfg)}"
                    )
            self.first_assigner, self.second_assigner = (
                StepAssigner(train_cfg[step], num_classes, self)
                for step in ('first_step', 'second_step')
            )

    @property
    def stc_levels(self) -> tuple[int, ...]:
        """Indices of the levels with two-step classification."""
        return self.gate.levels

    @property
    def str_levels(self) -> tuple[int, ...]:
        """Indices of the levels with two-step regression."""
        return self.loss_bbox.levels

    @property
    def theta(self) -> float:
        """Background confidence above which STC drops a negative."""
        return self.gate.theta

    @property
    def inference(self) -> str:
        """``'dense'``, ``'selective'`` or ``'auto'``: see ``test_cfg``."""
        self.check_test_cfg()
        return (self.test_cfg or {}).get('inference', 'dense')

    def check_test_cfg(self) -> None:
        """Check what ``test_cfg`` says of selective inference.

        Raises:
            ValueError: If a setting is not one that is known.
        """
        check_settings(self.test_cfg or {})

    @property
    def trains_on_rows(self) -> bool:
        """Whether :meth:`loss` computes what the losses read, and no more.

        Not where all layers need whole maps, nor in ``loss_and_predict`` of
        two-stage detectors, whose proposals may come from any cell.

        Raises:
            ValueError: If a layer does not run on rows, and ``forward`` of
                ``train_cfg`` is ``'selective'``.
        """
        choice = training_choice(self.train_cfg or {})
        if choice is None:
            return False
        # Else as ever: norms that are in training depend on the order in which
        # forward() goes through the levels.
        fit = [
            choice.allows(x) for x in (self.cls_layers(), self.reg_layers())
        ]
        return any(fit)

    @property
    def predictor_channels(self) -> int:
        """Channels that a class predictor puts out."""
        return self.num_base_priors * self.cls_out_channels

    def _init_layers(self) -> None:
        self.cls_convs = self._subnet()
        self.reg_convs = self._subnet()
        num_priors = self.num_base_priors
        logits = self.predictor_channels
        self.conv_cls = nn.Conv2d(self.feat_channels, logits, 1)
        deltas = num_priors * self.bbox_coder.encode_size
        self.conv_reg = nn.Conv2d(self.feat_channels, deltas, 1)
        if self.refine_predictor:
            self.conv_refine = nn.Conv2d(self.feat_channels, deltas, 1)
        if self.separate_cls:
            self.cls_convs_fs = self._subnet()
            self.conv_cls_fs = nn.Conv2d(self.feat_channels, logits, 1)
        if self.separate_reg:
            self.reg_convs_fs = self._subnet()
            self.conv_reg_fs = nn.Conv2d(self.feat_channels, deltas, 1)

    def _subnet(self) -> nn.Sequential:
        num_convs = self.stacked_convs - (0 if self.rfe is None else 2)
        layers = nn.Sequential()
        for i in range(num_convs):
            layers.append(
                ConvModule(
                    self.in_channels if i == 0 else self.feat_channels,
                    self.feat_channels,
                    3,
                    padding=1,
                    conv_cfg=self.conv_cfg,
                    norm_cfg=self.norm_cfg,
                )
            )
        if self.rfe is not None:
            before = (num_convs + 1) // 2
            width = self.feat_channels if before else self.in_channels
            layers.insert(
                before, MODELS.build(dict(self.rfe, in_channels=width))
            )
        return layers

    def init_weights(self) -> None:
        """Initialise; a softmax starts from the background, as a sigmoid.

        So does the first step, whether ``init_cfg`` names its predictors or
        not.
        """
        super().init_weights()
        bias = self.conv_cls.bias.data
        # Biases that differ are not from an initialiser but from a checkpoint.
        if not (bias == bias[0]).all():
            return
        if not self.use_sigmoid_cls:
            # Of n + 1 classes with equal biases b each has 1 / (n + 1). This
            # gives all classes together sigmoid(b): the bias_prob of init_cfg.
            background = bias.view(-1, self.cls_out_channels)[:, -1]
            background.fill_(math.log(self.num_classes))
        if self.separate_cls:
            self.conv_cls_fs.bias.data.copy_(bias)

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

    def forward_single(
        self, x: Tensor, refine: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Class logits and box deltas of one map of the second step.

        Args:
            x (Tensor): Features, (N, in_channels, H, W).
            refine (bool): See :meth:`forward_reg`.

        Returns:
            tuple[Tensor, Tensor]: See :meth:`forward_cls` and
            :meth:`forward_reg`.
        """
        return self.forward_cls(x), self.forward_reg(x, refine)

    def forward(
        self, x: tuple[Tensor | None, ...]
    ) -> tuple[Maps, Maps, list[Tensor], list[Tensor]]:
        """Predict both steps on all levels.

        Args:
            x (tuple[Tensor | None]): Maps by growing stride: n (both steps
                look at the same maps) or 2n (first-step maps, then
                second-step maps; first-step maps that no selection uses may
                be ``None``), n being the levels of the anchor generator.

        Returns:
            tuple[list, list, list, list]: Over the n levels: first-step
            logits (N, priors * channels, H, W), first-step deltas
            (N, priors * 4, H, W), second-step logits, second-step deltas.
            First-step logits outside ``stc_levels`` and first-step deltas
            outside ``str_levels`` are ``None``: nothing uses them.

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
        cls_ss, bbox_ss = multi_apply(self.forward_single, second, refine)
        cls_ss = [self.class_logits(x, i) for i, x in enumerate(cls_ss)]
        cls_fs: Maps = [None] * n
        bbox_fs: Maps = [None] * n
        for i in self.stc_levels:
            same = first[i] is second[i] and not self.separate_cls
            cls_fs[i] = (
                cls_ss[i]
                if same
                else self.class_logits(self.forward_cls(first[i], True), i)
            )
        for i in self.str_levels:
            same = first[i] is second[i] and not (
                refine[i] or self.separate_reg
            )
            bbox_fs[i] = (
                bbox_ss[i] if same else self.forward_reg(first[i], first=True)
            )
        return cls_fs, bbox_fs, cls_ss, bbox_ss

    def check_number_of_maps(self, x: tuple[Tensor | None, ...]) -> None:
        """Check that a neck puts out n or 2n maps.

        Args:
            x (tuple[Tensor | None]): See :meth:`forward`.

        Raises:
            ValueError: If it does not.
        """
        n = self.prior_generator.num_levels
        if len(x) not in (n, 2 * n):
            raise ValueError(
                f'SRNHead: the anchor generator has {n} levels, so the neck '
                f'must put out {n} maps (both steps share them) or {2 * n} '
                f'(first step, second step); it put out {len(x)}'
            )

    def check_first_maps(self, levels: Collection[int]) -> None:
        """Check that the first-step maps that are needed exist.

        Args:
            levels (Collection[int]): Indices of the levels that have one.

        Raises:
            ValueError: If one is missing.
        """
        missing = [
            i for i in self.stc_levels + self.str_levels if i not in levels
        ]
        if missing:
            raise ValueError(
                f'SRNHead: stc_levels={self.stc_levels} and str_levels='
                f'{self.str_levels} need the first-step maps {missing}, which '
                "the neck did not build (check its 'first_step_levels')"
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

    def refine_anchors(
        self, anchors: Tensor, bbox_fs: Tensor | None, in_levels: Tensor
    ) -> Tensor:
        """Move the anchors of the levels of STR by the first step's deltas.

        Args:
            anchors (Tensor): x1, y1, x2, y2 in pixels, (N, 4).
            bbox_fs (Tensor, optional): First-step deltas on these levels,
                (B, M, 4); ``None`` without such levels.
            in_levels (Tensor): bool, (N,): which anchors lie on them.

        Returns:
            Tensor: Second-step anchors of each image, (B, N, 4), or
            (1, N, 4) without such levels.
        """
        if bbox_fs is None:
            return anchors[None]
        moved = anchors.repeat(len(bbox_fs), 1, 1)
        start = anchors[in_levels]
        moved[:, in_levels] = move_anchors(self.bbox_coder, start, bbox_fs)
        return moved

    def assign(
        self,
        sizes: list[tuple[int, int]],
        deltas_fs: Tensor | None,
        batch_gt_instances: InstanceList,
        batch_img_metas: list[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> TwoStepTargets:
        """Move the anchors of a batch and assign both steps.

        Args:
            sizes (list[tuple[int, int]]): Height and width of every level.
            deltas_fs (Tensor, optional): See :meth:`refine_anchors`.
            batch_gt_instances, batch_img_metas, batch_gt_instances_ignore:
                See :meth:`loss_by_feat`.

        Returns:
            TwoStepTargets: On the device of the ground truth.

        Raises:
            ValueError: If the head has no ``train_cfg``.
        """
        if not self.train_cfg:
            raise ValueError(
                'SRNHead: to assign or train, train_cfg must give '
                "'first_step' and 'second_step'"
            )
        metas = batch_img_metas
        device = batch_gt_instances[0].bboxes.device
        level_anchors, flags = self.get_anchors(sizes, metas, device=device)
        level_sizes = [len(x) for x in level_anchors[0]]
        anchors = torch.cat(level_anchors[0])
        valid = torch.stack([torch.cat(x) for x in flags])
        in_str = level_mask(self.str_levels, level_sizes, device)
        start = anchors.expand(len(metas), -1, -1)
        moved = self.refine_anchors(anchors, deltas_fs, in_str)
        if self.detach_anchors:
            moved = moved.detach()
        moved = moved.expand(len(metas), -1, -1)
        gts = (batch_gt_instances, metas, batch_gt_instances_ignore)
        first = self.first_assigner(start, valid, level_sizes, *gts)
        fixed = torch.zeros_like(valid)
        if not self.refine_negatives:
            fixed = in_str & (first.labels == self.num_classes)
        second = self.second_assigner(
            moved.detach(), valid & ~fixed, level_sizes, *gts
        )
        second.labels[fixed] = self.num_classes
        return TwoStepTargets(level_sizes, valid, start, moved, first, second)

    def loss(
        self,
        x: tuple[Tensor | None, ...] | Pyramid,
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            x (tuple[Tensor | None] | Pyramid): See :meth:`forward`; or maps
                that are built when they are asked for, if
                :attr:`trains_on_rows`.
            batch_data_samples (list[DetDataSample]): Ground truth.

        Returns:
            dict[str, Tensor]: See :meth:`loss_by_feat`.
        """
        if not self.trains_on_rows:
            return super().loss(x, batch_data_samples)
        if isinstance(x, (tuple, list)):
            self.check_number_of_maps(x)
            x = BuiltPyramid(x, self.prior_generator.num_levels)
        gts, ignored, metas = unpack_gt_instances(batch_data_samples)
        choice = training_choice(self.train_cfg)
        return selective_loss(self, choice, x, gts, metas, ignored)

    def loss_by_feat(
        self,
        cls_fs: Maps,
        bbox_fs: Maps,
        cls_ss: list[Tensor],
        bbox_ss: list[Tensor],
        batch_gt_instances: InstanceList,
        batch_img_metas: list[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> dict[str, Tensor]:
        """Losses of both steps and what the selection did.

        Args:
            cls_fs, bbox_fs, cls_ss, bbox_ss (list[Tensor | None]): Outputs of
                :meth:`forward`.
            batch_gt_instances (list[InstanceData]): ``bboxes``, ``labels``.
            batch_img_metas (list[dict]): ``img_shape``, ``pad_shape``.
            batch_gt_instances_ignore (list[InstanceData], optional): Boxes
                to be ignored.

        Returns:
            dict[str, Tensor]: Scalars.  ``loss_cls_fs``, ``loss_bbox_fs``,
            ``loss_cls_ss``, ``loss_bbox_ss`` (fs, ss: first and second step)
            and, for the log, those of ``selection_log``.
        """
        deltas_fs = flatten_levels(bbox_fs, self.bbox_coder.encode_size)
        targets = self.assign(
            [x.shape[-2:] for x in cls_ss],
            deltas_fs,
            batch_gt_instances,
            batch_img_metas,
            batch_gt_instances_ignore,
        )
        return self.losses(
            flatten_levels(cls_fs, self.cls_out_channels),
            deltas_fs,
            flatten_levels(cls_ss, self.cls_out_channels),
            flatten_levels(bbox_ss, self.bbox_coder.encode_size),
            targets,
        )

    def losses(
        self,
        logits_fs: Tensor | None,
        deltas_fs: Tensor | None,
        logits_ss: Tensor,
        deltas_ss: Tensor,
        targets: TwoStepTargets,
    ) -> dict[str, Tensor]:
        """Losses of outputs whose targets are known.

        Args:
            logits_fs (Tensor, optional): First-step logits of the levels of
                STC, (B, M, channels); ``None`` without such levels.
            deltas_fs (Tensor, optional): First-step deltas of the levels of
                STR, (B, M', 4); ``None`` without such levels.
            logits_ss, deltas_ss (Tensor): Of the second step, (B, N,
                channels) and (B, N, 4); only what :meth:`read_by_losses`
                names counts.
            targets (TwoStepTargets): See :meth:`assign`.

        Returns:
            dict[str, Tensor]: See :meth:`loss_by_feat`.
        """
        level_sizes, _, start, moved, first, second = targets
        in_stc = level_mask(self.stc_levels, level_sizes, start.device)
        in_str = level_mask(self.str_levels, level_sizes, start.device)

        scores_fs = None
        if logits_fs is not None:
            scores_fs = self.probabilities(logits_fs)
        losses, selected = self.loss_cls(
            logits_fs,
            first.labels,
            scores_fs,
            logits_ss,
            second.labels,
            in_stc,
            self.num_classes,
            *self._beside_labels(
                first, second, start, moved, deltas_fs, deltas_ss, in_str
            ),
        )
        losses.update(
            self.loss_bbox(
                self._first_boxes(first, start, deltas_fs, in_str),
                self._box_samples(
                    moved,
                    deltas_ss,
                    second,
                    (second.labels >= 0) & (second.labels < self.num_classes),
                    self.loss_bbox.decodes_second,
                ),
            )
        )
        with torch.no_grad():
            losses.update(
                selection_log(
                    first,
                    second,
                    self.num_classes,
                    selected,
                    in_stc,
                    in_str,
                    start,
                    moved,
                )
            )
        return losses

    @torch.no_grad()
    def read_by_losses(
        self, targets: TwoStepTargets, logits_fs: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Which outputs of the second step :meth:`losses` reads.

        Args:
            targets (TwoStepTargets): See :meth:`assign`.
            logits_fs (Tensor, optional): See :meth:`losses`.

        Returns:
            tuple[Tensor, Tensor]: bool, (B, N) each: class logits and deltas.
        """
        first, second = targets.first, targets.second
        sizes, device = targets.level_sizes, second.labels.device
        selected = self.gate.select(
            second.labels,
            None if logits_fs is None else self.probabilities(logits_fs),
            level_mask(self.stc_levels, sizes, device),
            self.num_classes,
        )
        regressed = torch.zeros_like(selected)
        regressed[second.pos_inds] = True
        if self.loss_cls.takes_quality:  # see _beside_labels
            images, inds = first.pos_inds
            unmoved = ~level_mask(self.str_levels, sizes, device)[inds]
            regressed[images[unmoved], inds[unmoved]] = True
        return selected, regressed

    def _beside_labels(
        self, first, second, start, moved, deltas_fs, deltas_ss, in_str
    ):
        """What the class loss of each step wants to know beside labels.

        The qualities of both steps are overlaps of boxes, for one predictor
        gives both scores.  Off the levels of STR the first step has no box,
        but there the second starts from the same anchor: its box is what an
        anchor leads to.
        """
        if self.loss_cls.takes_sizes:
            return first.sizes, second.sizes
        if not self.loss_cls.takes_quality:
            return None, None
        reached = deltas_ss.detach()
        if deltas_fs is not None:
            reached = reached.clone()
            reached[:, in_str] = deltas_fs.detach()
        return (
            box_quality(self.bbox_coder, start, reached, first),
            box_quality(self.bbox_coder, moved, deltas_ss, second),
        )

    def _first_boxes(self, targets, anchors, deltas, in_levels):
        """Positives of the first step on the levels of STR."""
        if deltas is None:
            return None
        images, inds = targets.pos_inds
        keep = self.loss_bbox.select_first(inds, in_levels)
        # Deltas exist on these levels only: renumber the priors.
        rank = in_levels.cumsum(0) - 1
        chosen = StepTargets(
            targets.labels,
            (images[keep], rank[inds[keep]]),
            targets.pos_bboxes[keep],
        )
        positive = (targets.labels >= 0) & (targets.labels < self.num_classes)
        if not self.loss_bbox.count_all_levels:
            positive = positive & in_levels
        return self._box_samples(
            anchors[:, in_levels], deltas, chosen, positive
        )

    def _box_samples(self, anchors, deltas, targets, counted, decode=False):
        """Predictions and targets of positives, encoded as the loss wants."""
        preds, priors = deltas[targets.pos_inds], anchors[targets.pos_inds]
        boxes = targets.pos_bboxes
        if self.reg_decoded_bbox or decode:
            preds = self.bbox_coder.decode(priors, preds)
        elif len(boxes):
            boxes = self.bbox_coder.encode(priors, boxes)
        return BoxSamples(preds, boxes, targets.pos_inds[0], counted)

    def predict(
        self,
        x: tuple[Tensor | None, ...] | Pyramid,
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> InstanceList:
        """Find boxes in the maps of a batch.

        Args:
            x (tuple[Tensor | None] | Pyramid): See :meth:`forward`; or maps
                that are built when they are asked for, unless ``inference``
                of ``test_cfg`` is ``'dense'``.
            batch_data_samples (list[DetDataSample]): Of its images.
            rescale (bool): See :meth:`predict_by_feat`.

        Returns:
            list[InstanceData]: See :meth:`predict_by_feat`.
        """
        if self.inference == 'dense':
            return super().predict(x, batch_data_samples, rescale)
        if isinstance(x, (tuple, list)):
            self.check_number_of_maps(x)
            x = BuiltPyramid(x, self.prior_generator.num_levels)
        return self.predict_by_feat(
            *selective_forward(self, x),
            batch_img_metas=[i.metainfo for i in batch_data_samples],
            rescale=rescale,
        )

    def predict_by_feat(
        self,
        cls_fs: Maps,
        bbox_fs: Maps,
        cls_ss: list[Tensor],
        bbox_ss: list[Tensor],
        batch_img_metas: list[dict],
        cfg: OptConfigType = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> InstanceList:
        """Turn the outputs of both steps into boxes.

        On ``stc_levels`` a prior counts only if it survives the first step;
        the score is that of the second step alone.  On ``str_levels`` the
        second step's deltas apply to the moved anchors.

        Args:
            cls_fs, bbox_fs, cls_ss, bbox_ss (list[Tensor | None]): Outputs of
                :meth:`forward`.
            batch_img_metas (list[dict]): ``img_shape`` and, to rescale,
                ``scale_factor``.
            cfg (dict, optional): Instead of ``test_cfg``.
            rescale (bool): Boxes in the pixels of the original image.
            with_nms (bool): Apply NMS and ``max_per_img``.

        Returns:
            list[InstanceData]: ``bboxes`` (M, 4) x1, y1, x2, y2 in pixels,
            ``scores`` (M,) in (0, 1], ``labels`` (M,), by falling score.

        Raises:
            ValueError: If there is neither ``cfg`` nor ``test_cfg``.
        """
        cfg = copy.deepcopy(self.test_cfg if cfg is None else cfg)
        if cfg is None:
            raise ValueError(
                'SRNHead: to predict, test_cfg must give nms_pre, score_thr, '
                'nms and max_per_img'
            )
        priors = self.prior_generator.grid_priors(
            [x.shape[-2:] for x in cls_ss], device=cls_ss[0].device
        )
        level_sizes = [len(x) for x in priors]
        in_str = level_mask(self.str_levels, level_sizes, cls_ss[0].device)
        moved = self.refine_anchors(
            torch.cat(priors),
            flatten_levels(bbox_fs, self.bbox_coder.encode_size),
            in_str,
        ).expand(len(batch_img_metas), -1, -1)
        # In training, proposals become targets of a RoI head.
        moved = moved.detach()
        logits = [
            self._gate(first, second, cfg)
            for first, second in zip(cls_fs, cls_ss)
        ]
        # The gate has applied the threshold, which differs between levels.
        cfg['score_thr'] = 0
        return [
            self._predict_by_feat_single(
                select_single_mlvl(logits, i),
                [x.float() for x in select_single_mlvl(bbox_ss, i)],
                [None] * len(priors),
                moved[i].split(level_sizes),
                meta,
                cfg=cfg,
                rescale=rescale,
                with_nms=with_nms,
            )
            for i, meta in enumerate(batch_img_metas)
        ]

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

    def detectable(self, first: Tensor | None, second: Tensor, cfg) -> Tensor:
        """Which scores of a level may become detections.

        Args:
            first (Tensor, optional): First-step logits of a level of STC,
                (B, priors * channels, H, W).
            second (Tensor): Second-step logits, the same.
            cfg (dict): ``score_thr`` and ``small_map_cells`` of ``test_cfg``.

        Returns:
            Tensor: bool, (B, H, W, priors, classes).
        """
        is_small = second[0, 0].numel() < cfg.get('small_map_cells', 0)
        threshold = 0 if is_small else cfg.get('score_thr', 0)
        return self.gate.detectable(
            None if first is None else self.scores_of(first),
            self.scores_of(second),
            threshold,
        )

    def passes_gate(self, first: Tensor) -> Tensor:
        """Which priors of a level of STC the second step sees.

        Args:
            first (Tensor): First-step logits, (B, priors * channels, H, W).

        Returns:
            Tensor: bool, (B, H, W, priors).
        """
        return self.gate.passes(self.scores_of(first))

    def unsure(self, first: Tensor, band: float) -> Tensor:
        """Of which priors of a level of STC inexact logits tell nothing.

        Args:
            first (Tensor): First-step logits that may be off, (B, priors *
                channels, H, W).
            band (float): By how much, at most, what the predictor puts out.

        Returns:
            Tensor: bool, (B, H, W, priors): where the second step sees the
            prior or not depending on the error, or a logit is not finite.
        """
        batch, _, height, width = first.shape
        logits = flatten_levels([first], self.cls_out_channels)
        if not self.use_sigmoid_cls or (
            self.predictor_channels != self.num_base_priors * logits.shape[-1]
        ):
            band *= 2  # the difference of two such numbers decides
        logits = logits.view(batch, height, width, -1, logits.shape[-1])
        shift = logits.new_full((logits.shape[-1],), band)
        if not self.use_sigmoid_cls:
            shift[-1] = 0  # of the background
        undecided = self.gate.undecided(
            self.probabilities(logits - shift),
            self.probabilities(logits + shift),
        )
        return undecided | ~logits.isfinite().all(dim=-1)

    def _gate(self, first: Tensor | None, second: Tensor, cfg) -> Tensor:
        """Logits of one level in which what is not to be found scores 0."""
        num, _, height, width = second.shape
        drop = ~self.detectable(first, second, cfg).flatten(1, 3)
        logits = flatten_levels([second], self.cls_out_channels)
        if self.use_sigmoid_cls:
            logits = logits.masked_fill(drop, -torch.inf)
        else:
            # The background takes what the dropped classes had: sharing it
            # out, as a softmax does, would change the scores of the others.
            kept = self.probabilities(logits).masked_fill(drop, 0)
            rest = (1 - kept.sum(dim=-1, keepdim=True)).clamp(min=0)
            logits = torch.cat([kept, rest], dim=-1).log()
        return logits.reshape(num, height, width, -1).permute(0, 3, 1, 2)
