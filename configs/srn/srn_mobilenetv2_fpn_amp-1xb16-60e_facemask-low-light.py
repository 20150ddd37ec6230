# First part of the recipe of srn_mobilenetv2: faces of many sizes, by day and
# in simulated darkness, in bfloat16.
_base_ = [
    './srn_mobilenetv2_fpn_1xb16-10e_facemask.py',
    '../_base_/ema.py',
]

max_epochs = 60
train_ratio_range = (0.3, 1.6)  # of 640, the longer side
low_light_prob = 0.25

crop_size = _base_.train_crop
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RandomLowLight', prob=low_light_prob),
    dict(
        type='RandomGrayscale',
        prob=0.1,
        keep_channels=True,
        channel_weights=(0.114, 0.587, 0.299),
    ),
    dict(type='PhotoMetricDistortion'),
    dict(
        type='RandomResize',
        scale=_base_.test_scale,
        ratio_range=train_ratio_range,
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=crop_size, allow_negative_crop=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=crop_size),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(type='BFloat16OptimWrapper')
# As in the base, for more epochs.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        eta_min=_base_.base_lr * 0.01,
        T_max=max_epochs,
        convert_to_iter_based=True,
    ),
]
# Averages over fewer iterations than the base, because there are only some
# 2,600.
custom_hooks = [dict(_base_.custom_hooks[0], momentum=0.002, gamma=300)]
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2))
