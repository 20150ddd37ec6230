"""The two-step dense head of SRN."""

from __future__ import annotations

import copy

import torch
from mmdet.models.utils import select_single_mlvl, unpack_gt_instances
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.utils import (
    ConfigType,
    InstanceList,
    OptConfigType,
    OptInstanceList,
)
from torch import Tensor

from ..sparse import BuiltPyramid, Pyramid
from ..two_step import (
    StepAssigner,
    TwoStepMaps,
    TwoStepTargets,
    assign_two_steps,
    box_samples,
    second_step_anchors,
    selection_log,
    step_qualities,
)
from ..utils import flatten_levels, level_mask, reject_unknown
from .selective_forward import check_settings, selective_forward
from .selective_training import selective_loss, training_choice
from .two_step_head import TwoStepHead


def _reject_filled_in(name: str, cfg: ConfigType, keys: dict) -> None:
    """Refuse keys of a loss that the head fills in from its own."""
    for key in keys.keys() & cfg.keys():
        raise ValueError(
            f"SRNHead: {name} sets '{key}'; set '{keys[key]}' of the head in "
            'its place'
        )


@MODELS.register_module()
class SRNHead(TwoStepHead):
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
        *args,
        theta: float = 0.99,
        detach_anchors: bool = True,
        refine_negatives: bool = True,
        loss_cls: ConfigType = dict(
            type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25
        ),
        loss_bbox: ConfigType = dict(type='SmoothL1Loss', beta=0.11),
        loss_stc: ConfigType = dict(type='STCLoss'),
        loss_str: ConfigType = dict(type='STRLoss'),
        train_cfg: OptConfigType = None,
        test_cfg: OptConfigType = None,
        **kwargs,
    ) -> None:
        super().__init__(
            num_classes,
            in_channels,
            *args,
            loss_cls=loss_cls,
            loss_bbox=loss_bbox,
            test_cfg=test_cfg,
            **kwargs,
        )
        self._build_losses(loss_stc, loss_str, loss_cls, loss_bbox, theta)
        self.check_test_cfg()
        self.detach_anchors = detach_anchors
        self.refine_negatives = refine_negatives
        self.train_cfg = train_cfg
        if train_cfg:
            self._build_assigners()

    def _build_losses(self, loss_stc, loss_str, loss_cls, loss_bbox, theta):
        """Let each module select samples for the loss that it is given."""
        _reject_filled_in(
            'loss_stc',
            loss_stc,
            dict(loss_cls='loss_cls', levels='stc_levels', theta='theta'),
        )
        _reject_filled_in(
            'loss_str',
            loss_str,
            dict(loss_bbox='loss_bbox', levels='str_levels'),
        )
        self.loss_cls = MODELS.build(
            dict(
                loss_stc,
                loss_cls=loss_cls,
                levels=self.stc_levels,
                theta=theta,
            )
        )
        self.gate = self.loss_cls.gate
        self.loss_bbox = MODELS.build(
            dict(loss_str, loss_bbox=loss_bbox, levels=self.str_levels)
        )
        if self.loss_cls.takes_quality and not self.use_sigmoid_cls:
            raise ValueError(
                f'SRNHead: loss_cls={loss_cls["type"]} has no class for the '
                'background; write use_sigmoid=True into it'
            )

    def _build_assigners(self):
        """Build assigner and sampler of each step."""
        cfg, steps = self.train_cfg, ('first_step', 'second_step')
        reject_unknown(
            cfg, (*steps, 'forward', 'crossover'), "SRNHead's train_cfg"
        )
        training_choice(cfg)
        if not set(steps) <= set(cfg):
            raise ValueError(
                "SRNHead: train_cfg needs 'first_step' and 'second_step', "
                f'got {sorted(cfg)}'
            )
        self.first_assigner, self.second_assigner = (
            StepAssigner(cfg[step], self.num_classes, self) for step in steps
        )

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
            deltas_fs (Tensor, optional): First-step deltas on the levels of
                STR, (B, M, 4); ``None`` without such levels.
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
        moved = second_step_anchors(
            self.bbox_coder, anchors, deltas_fs, in_str
        )
        if self.detach_anchors:
            moved = moved.detach()
        return assign_two_steps(
            (self.first_assigner, self.second_assigner),
            level_sizes,
            valid,
            anchors.expand(len(metas), -1, -1),
            moved.expand(len(metas), -1, -1),
            (batch_gt_instances, metas, batch_gt_instances_ignore),
            in_str & (not self.refine_negatives),
        )

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
        cls_fs: list[Tensor | None],
        bbox_fs: list[Tensor | None],
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
        maps = TwoStepMaps(cls_fs, bbox_fs, cls_ss, bbox_ss)
        joined = maps.join(self.cls_out_channels, self.bbox_coder.encode_size)
        targets = self.assign(
            maps.sizes,
            joined.first_deltas,
            batch_gt_instances,
            batch_img_metas,
            batch_gt_instances_ignore,
        )
        return self.losses(joined, targets)

    def losses(
        self, joined: TwoStepMaps, targets: TwoStepTargets
    ) -> dict[str, Tensor]:
        """Losses of outputs whose targets are known.

        Args:
            joined (TwoStepMaps): Outputs with all levels joined.
            targets (TwoStepTargets): See :meth:`assign`.

        Returns:
            dict[str, Tensor]: See :meth:`loss_by_feat`.
        """
        sizes, device = targets.level_sizes, targets.anchors.device
        in_stc = level_mask(self.stc_levels, sizes, device)
        in_str = level_mask(self.str_levels, sizes, device)
        first, second = targets.first, targets.second
        logits = joined.first_logits
        losses, selected = self.loss_cls(
            logits,
            first.labels,
            None if logits is None else self.probabilities(logits),
            joined.second_logits,
            second.labels,
            in_stc,
            self.num_classes,
            *self._beside_labels(joined, targets, in_str),
        )
        losses.update(self._box_losses(joined, targets, in_str))
        with torch.no_grad():
            losses.update(
                selection_log(
                    first,
                    second,
                    self.num_classes,
                    selected,
                    in_stc,
                    in_str,
                    targets.anchors,
                    targets.moved,
                )
            )
        return losses

    def _beside_labels(self, joined, targets, in_str):
        """What the class loss of each step wants to know beside labels."""
        if self.loss_cls.takes_sizes:
            return targets.first.sizes, targets.second.sizes
        if not self.loss_cls.takes_quality:
            return None, None
        return step_qualities(
            self.bbox_coder,
            targets,
            joined.first_deltas,
            joined.second_deltas,
            in_str,
        )

    def _box_losses(self, joined, targets, in_str):
        """Regression losses of both steps."""
        first, second = targets.first, targets.second
        first_samples = None
        if joined.first_deltas is not None:
            counted = self._positive(first.labels)
            if not self.loss_bbox.count_all_levels:
                counted = counted & in_str
            first_samples = box_samples(
                self.bbox_coder,
                targets.anchors[:, in_str],
                joined.first_deltas,
                self.loss_bbox.select_first(first, in_str),
                counted,
                self.reg_decoded_bbox,
            )
        second_samples = box_samples(
            self.bbox_coder,
            targets.moved,
            joined.second_deltas,
            second,
            self._positive(second.labels),
            self.reg_decoded_bbox or self.loss_bbox.decodes_second,
        )
        return self.loss_bbox(first_samples, second_samples)

    def _positive(self, labels):
        return (labels >= 0) & (labels < self.num_classes)

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
        cls_fs: list[Tensor | None],
        bbox_fs: list[Tensor | None],
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
        moved = second_step_anchors(
            self.bbox_coder,
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
