"""Feature supervision module (FSM) of RefineFace."""

import torch
from mmcv.cnn import ConvModule
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS, TASK_UTILS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import ConfigType, OptConfigType, OptMultiConfig
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..two_step import (
    PositiveNormalizer,
    StepAssigner,
    takes_quality,
    weighed_loss,
)


@MODELS.register_module()
class FeatureSupervisionHead(BaseModule):
    """Classifies regions to supervise the maps of the neck (FSM).

    RoIAlign cuts the boxes of sampled anchors, objects and background, out of
    the maps of the neck. 3x3 convolutions follow; the last one predicts a map
    of logits for each class. The mean over a region is its logit, and the
    focal loss is divided by the number of objects. Use it as
    ``auxiliary_head`` of ``SRN``; it does not run at test time.

    Source: RefineFace (arXiv 1909.04376).  The abstract says what FSM is for,
    notes of others name RoIAlign, four 3x3 convolutions, global average
    pooling and focal loss.  Everything else is this project's choice: the
    maps, the regions, their number, and the last convolution as predictor.

    Args:
        num_classes (int): Classes without the background.
        in_channels (int): Channels of the maps.
        anchor_generator (dict): Of the boxes to cut out; usually that of the
            ``bbox_head``.
        bbox_roi_extractor (dict): ``SingleRoIExtractor`` or the like;
            ``featmap_strides`` names the maps in use, from the finest.
        assigner (dict): Says which anchors are objects and which background;
            any dense assigner of mmdet.
        sampler (dict): Draws some of both, without
            ``add_gt_as_proposals``.
        feat_channels (int): Channels between the convolutions.
        num_convs (int): Convolutions, at least 1.
        first_step (bool): Cut from the first-step maps, which must all be
            built, in place of the second-step maps.
        conv_cfg, norm_cfg (dict, optional): As in ``ConvModule``.
        loss_cls (dict): A loss of sigmoids and labels, such as
            ``FocalLoss``; no quality loss, since a region has no box of its
            own whose overlap it could learn.
        init_cfg (dict | list[dict]): Initialisation, by default that of
            ``SRNHead``.

    Raises:
        ValueError: If ``num_convs`` or ``loss_cls`` is not as above, or, in
            training, if the maps are not.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        anchor_generator: ConfigType,
        bbox_roi_extractor: ConfigType,
        assigner: ConfigType,
        sampler: ConfigType,
        feat_channels: int = 256,
        num_convs: int = 4,
        first_step: bool = False,
        conv_cfg: OptConfigType = None,
        norm_cfg: OptConfigType = None,
        loss_cls: ConfigType = dict(
            type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25
        ),
        init_cfg: OptMultiConfig = dict(
            type='SRNNormalInit',
            layer='Conv2d',
            std=0.01,
            override=dict(
                type='SRNNormalInit', name='conv_cls', std=0.01, bias_prob=0.01
            ),
        ),
    ) -> None:
        super().__init__(init_cfg)
        if num_convs < 1:
            raise ValueError(
                f'FeatureSupervisionHead: num_convs={num_convs} must be at '
                'least 1: the last convolution predicts'
            )
        self.loss_cls = weighed_loss(
            'FeatureSupervisionHead: loss_cls', loss_cls
        )
        if not getattr(self.loss_cls, 'use_sigmoid', False):
            raise ValueError(
                'FeatureSupervisionHead: loss_cls must be of sigmoids '
                '(use_sigmoid=True)'
            )
        if takes_quality(self.loss_cls):
            raise ValueError(
                f'FeatureSupervisionHead: loss_cls={loss_cls["type"]} wants '
                'the overlap of predicted boxes, and regions have none; use '
                'FocalLoss'
            )
        self.num_classes = num_classes
        self.first_step = first_step
        self.prior_generator = TASK_UTILS.build(anchor_generator)
        self.bbox_roi_extractor = MODELS.build(bbox_roi_extractor)
        self.assigner = StepAssigner(
            dict(assigner=assigner, sampler=sampler), num_classes, self
        )
        self.normalizer = PositiveNormalizer()
        self.convs = nn.Sequential()
        for i in range(num_convs - 1):
            self.convs.append(
                ConvModule(
                    in_channels if i == 0 else feat_channels,
                    feat_channels,
                    3,
                    padding=1,
                    conv_cfg=conv_cfg,
                    norm_cfg=norm_cfg,
                )
            )
        width = in_channels if num_convs == 1 else feat_channels
        self.conv_cls = nn.Conv2d(width, num_classes, 3, padding=1)

    def forward(self, maps: tuple[Tensor, ...], rois: Tensor) -> Tensor:
        """Class logits of regions.

        Args:
            maps (tuple[Tensor]): Those that the extractor uses, (N, C, H, W).
            rois (Tensor): Image index, x1, y1, x2, y2 in pixels, (K, 5).

        Returns:
            Tensor: float32, (K, num_classes).
        """
        # Half precision cannot hold the coordinates, and the extractor casts
        # them to the type of the maps.  The convolutions may have it.
        with torch.autocast(rois.device.type, enabled=False):
            regions = self.bbox_roi_extractor([x.float() for x in maps], rois)
        return self.conv_cls(self.convs(regions)).mean(dim=(2, 3)).float()

    def select_maps(self, x: tuple[Tensor | None, ...]) -> tuple[Tensor, ...]:
        """Maps of one step that the extractor uses.

        Args:
            x (tuple[Tensor | None]): n or 2n maps, see ``SRNHead``.

        Returns:
            tuple[Tensor]: As many as the extractor's strides.

        Raises:
            ValueError: If the number of maps fits neither n nor 2n, or one
                that is needed is ``None``.
        """
        n = self.prior_generator.num_levels
        if len(x) not in (n, 2 * n):
            raise ValueError(
                f'FeatureSupervisionHead: the anchor generator has {n} '
                f'levels, so the neck must put out {n} or {2 * n} maps; it '
                f'put out {len(x)}'
            )
        maps = x[:n] if self.first_step else x[-n:]
        maps = maps[: self.bbox_roi_extractor.num_inputs]
        missing = [i for i, x in enumerate(maps) if x is None]
        if missing:
            raise ValueError(
                f'FeatureSupervisionHead: the first-step maps {missing} are '
                "not built: name them in the neck's first_step_levels, or "
                'set first_step=False'
            )
        return maps

    def sample(
        self, sizes: list[tuple[int, int]], batch_data_samples: SampleList
    ) -> tuple[Tensor, Tensor]:
        """Draw objects and background among the anchors.

        Args:
            sizes (list[tuple[int, int]]): Height and width of every level.
            batch_data_samples (list[DetDataSample]): Ground truth of B images.

        Returns:
            tuple[Tensor, Tensor]: Anchors x1, y1, x2, y2 in pixels, (N, 4),
            and the label of each in each image, int64, (B, N):
            ``num_classes`` for background, -1 for anchors not drawn.
        """
        gts, ignored, metas = unpack_gt_instances(batch_data_samples)
        device = gts[0].bboxes.device
        levels = self.prior_generator.grid_priors(sizes, device=device)
        anchors = torch.cat(levels)
        valid = [
            torch.cat(
                self.prior_generator.valid_flags(
                    sizes, meta['pad_shape'], device=device
                )
            )
            for meta in metas
        ]
        targets = self.assigner(
            anchors.expand(len(metas), -1, -1),
            torch.stack(valid),
            [len(x) for x in levels],
            gts,
            metas,
            ignored,
        )
        return anchors, targets.labels

    def loss(
        self, x: tuple[Tensor | None, ...], batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Loss of a batch.

        Args:
            x (tuple[Tensor | None]): See :meth:`select_maps`.
            batch_data_samples (list[DetDataSample]): Ground truth.

        Returns:
            dict[str, Tensor]: ``loss_fsm``, a scalar.
        """
        sizes = [
            level.shape[-2:] for level in x[-self.prior_generator.num_levels :]
        ]
        maps = self.select_maps(x)
        anchors, labels = self.sample(sizes, batch_data_samples)
        rois = bbox2roi([anchors[drawn] for drawn in labels >= 0])
        logits = self(maps, rois)
        targets = labels[labels >= 0]
        weights, divisor = self.normalizer(
            (labels >= 0) & (labels < self.num_classes), rois[:, 0].long()
        )
        if len(targets) == 0:  # keeps the graph
            return dict(loss_fsm=logits.sum() * 0)
        loss = self.loss_cls(logits, targets, weights, avg_factor=divisor)
        return dict(loss_fsm=loss)
