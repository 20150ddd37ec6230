# Selective Refinement Network, ResNet-50, 6 levels, as published.
_base_ = '../custom_imports.py'

num_classes = 1
theta = 0.99  # background confidence above which STC drops a negative
stc_levels = (0, 1, 2)  # two-step classification on P2, P3, P4
str_levels = (3, 4, 5)  # two-step regression on P5, P6, P7
strides = [4, 8, 16, 32, 64, 128]

model = dict(
    type='SRN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=1,  # no padding needed
    ),
    backbone=dict(
        type='ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        # The stem is frozen, BN of the stages trains. With few images per GPU
        # set norm_eval=True.
        frozen_stages=0,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        style='pytorch',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.pytorch.org/models/'
            'resnet50-0676ba61.pth',
        ),
    ),
    neck=dict(
        type='SRNFPN',
        in_channels=[256, 512, 1024, 2048],
        out_channels=256,
        num_outs=6,
        extra_convs_on='lateral',  # as the code; the paper says 'output'
        upsample_mode='bilinear',
        align_corners=True,
        init_cfg=dict(type='SRNNormalInit', layer='Conv2d', std=0.01),
    ),
    bbox_head=dict(
        type='SRNHead',
        num_classes=num_classes,
        in_channels=256,
        feat_channels=256,
        stacked_convs=4,
        rfe=dict(type='RFE'),
        stc_levels=stc_levels,
        str_levels=str_levels,
        theta=theta,
        detach_anchors=True,
        # type='AnchorGenerator' does not round the anchors.
        anchor_generator=dict(
            type='SRNAnchorGenerator',
            strides=strides,
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        bbox_coder=dict(type='SRNBBoxCoder'),
        loss_cls=dict(
            type='FocalLoss',
            use_sigmoid=True,
            gamma=2.0,
            alpha=0.25,
            loss_weight=1.0,
        ),
        loss_bbox=dict(type='SmoothL1Loss', beta=0.11, loss_weight=1.0),
        loss_stc=dict(
            type='STCLoss', spare_positives=True, first_step_weight=1.0
        ),
        loss_str=dict(type='STRLoss', first_step_weight=1.0),
    ),
    train_cfg=dict(
        first_step=dict(
            assigner=dict(
                type='ChunkedMaxIoUAssigner',
                pos_iou_thr=0.7,
                neg_iou_thr=0.3,
                min_pos_iou=0.3,
                match_low_quality=True,
                ignore_iof_thr=0.5,
            )
        ),
        second_step=dict(
            assigner=dict(
                type='ChunkedMaxIoUAssigner',
                pos_iou_thr=0.5,
                neg_iou_thr=0.4,
                min_pos_iou=0.3,
                match_low_quality=True,
                ignore_iof_thr=0.5,
            )
        ),
    ),
    # As the published code. The paper: 2000 boxes, NMS at 0.5, 750 faces.
    test_cfg=dict(
        nms_pre=6000,
        score_thr=0.05,
        small_map_cells=120,  # smaller maps have no score threshold
        nms=dict(type='nms', iou_threshold=0.4, offset=1),
        max_per_img=750,
    ),
)
