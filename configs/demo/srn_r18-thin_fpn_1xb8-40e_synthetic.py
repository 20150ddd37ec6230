# A very small SRN, trained from scratch on the drawn faces of `make demo`.
_base_ = [
    '../_base_/models/srn_r50_fpn.py',
    '../_base_/datasets/widerface.py',
    '../_base_/tta/multi_scale_1400.py',
    '../_base_/default_runtime.py',
]

max_epochs = 40
base_lr = 0.004
channels = 32
norm_cfg = dict(type='GN', num_groups=8)  # learns faster from scratch
crop_size = (192, 192)
data_root = 'work_dirs/demo/data/'

model = dict(
    backbone=dict(
        depth=18,
        base_channels=16,
        stem_channels=16,
        frozen_stages=-1,
        init_cfg=None,
    ),
    neck=dict(
        in_channels=[16, 32, 64, 128],
        out_channels=channels,
        norm_cfg=norm_cfg,
        init_cfg=dict(
            _delete_=True,
            type='Xavier',
            layer='Conv2d',
            distribution='uniform',
        ),
    ),
    bbox_head=dict(
        in_channels=channels,
        feat_channels=channels,
        norm_cfg=norm_cfg,
        # 0.01 is too small for 32 channels to train in minutes.
        init_cfg=dict(type='Kaiming', layer='Conv2d'),
        predictor_init=dict(reg=dict(type='Normal', std=0.01)),
    ),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='RandomResize',
        scale=(360, 360),
        ratio_range=(0.5, 1.4),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(4, 4), keep_empty=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='Pad', size=crop_size),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True,
    type='VOCMetric',
    metric='mAP',
    eval_mode='area',
    iou_thrs=[0.5],
)
test_evaluator = val_evaluator

train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=10
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=base_lr, weight_decay=0.01),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, end=40),
    dict(
        type='CosineAnnealingLR',
        eta_min=base_lr * 0.01,
        T_max=max_epochs,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    logger=dict(interval=19),
    checkpoint=dict(interval=5, max_keep_ckpts=2, save_best=None),
)
