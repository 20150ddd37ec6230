"""The two-step dense head of SRN."""

from __future__ import annotations

import copy

import torch
from mmdet.models.utils import select_single_mlvl
from mmdet.registry import MODELS, TASK_UTILS
from mmdet.structures import SampleList
from mmdet.utils import ConfigType, InstanceList, OptConfigType
from torch import Tensor

from ..two_step import second_step_anchors
from ..utils import flatten_levels, level_mask
from .box_voting_mixin import BoxVotingMixin
from .moved_keys import take_moved_keys
from .two_step_training import TwoStepTrainingHead


@MODELS.register_module()
class SRNHead(BoxVotingMixin, TwoStepTrainingHead):
    """Head of SRN: predicts in two steps, with STC and STR.

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
            of its own, ``conv_refine``, on ``str_levels``.  A shared predictor
            must learn the full offset of grid anchors and the remaining offset
            of moved ones, which takes long.
        separate_steps (bool): Whether the first step has subnets and
            predictors of its own, ``cls_convs_fs``, ``conv_cls_fs``,
            ``reg_convs_fs`` and ``conv_reg_fs``; those of a module that is
            switched off are not built.

        conv_cfg, norm_cfg (dict, optional): As in ``ConvModule``, for the
            subnets.
        anchor_generator, bbox_coder, reg_decoded_bbox, loss_cls, loss_bbox:
            As in ``AnchorHead``; ``loss_cls`` may be ``QualityFocalLoss`` or
            ``VarifocalLoss``: scores then predict the IoU of their boxes.
        loss_stc (dict): Config of the loss that weighs ``loss_cls`` in both
            steps, :class:`STCLoss`.
        loss_str (dict): Config of the loss that weighs ``loss_bbox``,
            :class:`STRLoss`.
        execution (dict, optional): Config of :class:`SelectiveExecution`,
            which computes less with the same results; ``None`` computes whole
            maps, as mmdet does.
        train_cfg (dict, optional): ``first_step`` and ``second_step``, each
            with ``assigner`` and optionally ``sampler`` and
            ``allowed_border``.
        test_cfg (dict, optional): ``nms_pre`` (per level), ``score_thr``,
            ``nms``, ``max_per_img`` as in mmdet; ``small_map_cells``: on maps
            of fewer cells every anchor passes ``score_thr`` (default 0; 120
            in the published code); and ``vote_iou``: box voting after NMS,
            see ``vote_boxes`` (default: none).
        init_cfg (dict | list[dict]): Initialisation of all layers.
        predictor_init (dict, optional): Initialisation of predictors by role,
            instead of ``init_cfg``: ``cls`` (``conv_cls``), ``reg``
            (``conv_reg``) and ``refine`` (``conv_refine``), in both steps;
            ``None``: ``init_cfg``. By default, an anchor starts with a
            probability of 0.01 for one of the classes, and box predictors
            follow ``init_cfg``.

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
        execution: OptConfigType = None,
        train_cfg: OptConfigType = None,
        test_cfg: OptConfigType = None,
        **kwargs,
    ) -> None:
        execution, train_cfg, test_cfg = take_moved_keys(
            execution, train_cfg, test_cfg
        )
        super().__init__(
            num_classes,
            in_channels,
            *args,
            loss_cls=loss_cls,
            loss_bbox=loss_bbox,
            test_cfg=test_cfg,
            **kwargs,
        )
        self._build_losses(loss_stc, loss_str, theta)
        self.execution = None
        if execution is not None:
            self.execution = TASK_UTILS.build(
                execution, default_args=dict(type='SelectiveExecution')
            )
        if num_classes > 1 and not getattr(
            self.bbox_coder, 'clip_border', True
        ):
            raise ValueError(
                'SRNHead: boxes that leave the image mix the classes in NMS; '
                f'with num_classes={num_classes} set clip_border=True in '
                'bbox_coder'
            )
        self.detach_anchors = detach_anchors
        self.refine_negatives = refine_negatives
        self.train_cfg = train_cfg
        if train_cfg:
            self._build_assigners()

    def loss(
        self,
        x: tuple[Tensor | None, ...],
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            x (tuple[Tensor | None]): See ``forward``; or, if
                ``execution`` trains, what its ``pyramid`` returns.
            batch_data_samples (list[DetDataSample]): Ground truth.

        Returns:
            dict[str, Tensor]: See ``loss_by_feat``.
        """
        if self.execution is not None and self.execution.trains(self):
            return self.execution.loss(self, x, batch_data_samples)
        return super().loss(x, batch_data_samples)

    def predict(
        self,
        x: tuple[Tensor | None, ...],
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> InstanceList:
        """Find boxes in the maps of a batch.

        Args:
            x (tuple[Tensor | None]): See ``forward``; or, if
                ``execution`` predicts, what its ``pyramid`` returns.
            batch_data_samples (list[DetDataSample]): Of its images.
            rescale (bool): See :meth:`predict_by_feat`.

        Returns:
            list[InstanceData]: See :meth:`predict_by_feat`.
        """
        if self.execution is not None and self.execution.predicts:
            return self.execution.predict(self, x, batch_data_samples, rescale)
        return super().predict(x, batch_data_samples, rescale)

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
                ``forward``.
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
