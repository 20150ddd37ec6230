# mmdet's RetinaNet with the backbone, width, levels, anchors, data and
# schedule of the SRN for the same set, as a baseline.
_base_ = [
    '../_base_/models/srn_mobilenetv2_fpn.py',
    '../_base_/datasets/facemask.py',
    '../_base_/schedules/schedule_10e_adamw.py',
    '../_base_/tta/multi_scale_1400.py',
    '../_base_/default_runtime.py',
]

channels = 64
anchor_generator = _base_.model.bbox_head.anchor_generator

model = dict(
    type='RetinaNet',
    neck=dict(
        _delete_=True,
        type='FPN',
        in_channels=[24, 32, 96, 1280],
        out_channels=channels,
        num_outs=6,
        add_extra_convs='on_input',
    ),
    bbox_head=dict(
        _delete_=True,
        type='RetinaHead',
        num_classes=1,
        in_channels=channels,
        feat_channels=channels,
        stacked_convs=2,
        anchor_generator=anchor_generator,
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        loss_cls=dict(
            type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25
        ),
        loss_bbox=dict(type='L1Loss'),
    ),
    train_cfg=dict(
        _delete_=True,
        assigner=dict(
            type='MaxIoUAssigner',
            pos_iou_thr=0.5,
            neg_iou_thr=0.4,
            min_pos_iou=0,
        ),
        sampler=dict(type='PseudoSampler'),
        allowed_border=-1,
        pos_weight=-1,
    ),
    test_cfg=dict(
        _delete_=True,
        nms_pre=1000,
        score_thr=0.05,
        nms=dict(type='nms', iou_threshold=0.5),
        max_per_img=750,  # as for SRN
    ),
)

default_hooks = dict(
    logger=dict(interval=10),
    channels_last=dict(type='ChannelsLastHook'),  # faster on a CPU
)
