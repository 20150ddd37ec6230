# Train the curve estimation network by itself, on a folder of dark images:
#   --cfg-options train_dataloader.dataset.data_root=DIR \
#       val_dataloader.dataset.data_root=DIR
_base_ = [
    '../_base_/custom_imports.py',
    '../_base_/models/zero-dce.py',
    '../_base_/default_runtime.py',
]

data_root = 'data/dark-images/'
crop_size = (256, 256)
batch_size = 8
max_iters = 300

model = dict(type='ImageEnhancer', enhancer=_base_.enhancer)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    # Smaller images keep their size. Padding does not enter the losses.
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs', meta_keys=('img_path', 'img_shape')),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='PackDetInputs', meta_keys=('img_path', 'img_shape')),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='ImageFolderDataset',
        data_root=data_root,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ImageFolderDataset',
        data_root=data_root,
        indices=50,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='BrightnessMetric')
test_evaluator = val_evaluator

train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=100
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=0.0001, weight_decay=0.0001),
    clip_grad=dict(max_norm=0.1, norm_type=2),
)
# Five times this rate drove all curves of a very dark set to their limit,
# where the gradient is zero. A falling rate avoids that.
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=max_iters, by_epoch=False)
]
auto_scale_lr = dict(enable=False, base_batch_size=batch_size)

# Only the hooks that are not about detection.
default_hooks = dict(
    _delete_=True,
    logger=dict(type='MasterLoggerHook', interval=10),
    checkpoint=dict(
        type='AtomicCheckpointHook',
        by_epoch=False,
        interval=50,
        max_keep_ckpts=3,
    ),
)
log_processor = dict(by_epoch=False)
