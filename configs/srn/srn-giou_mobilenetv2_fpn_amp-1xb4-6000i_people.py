# Light SRN for photos of people: the default of FaceDetector. The learning
# rate is constant, so that you can stop at any time; ...-640i_people.py is the
# last part.
_base_ = [
    '../_base_/models/srn_mobilenetv2_fpn_short.py',
    '../_base_/datasets/people.py',
    '../_base_/tta/multi_scale_1400.py',
    '../_base_/default_runtime.py',
    '../_base_/ema.py',
]

load_from = 'mmsrn/zoo/srn_mobilenetv2.safetensors'
max_iters = 6000
base_lr = 0.0004
checkpoint_interval = 200

model = dict(
    backbone=dict(init_cfg=None),  # load_from includes it
    bbox_head=dict(
        loss_str=dict(loss_bbox_ss=dict(type='GIoULoss', loss_weight=2.0)),
        execution=dict(
            type='SelectiveExecution', inference='dense', training='auto'
        ),
    ),
    test_cfg=dict(score_thr=0.01, nms=dict(iou_threshold=0.55), vote_iou=0.7),
)

train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters + 1
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='BFloat16OptimWrapper',
    optimizer=dict(type='AdamW', lr=base_lr, weight_decay=0.05),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100)
]
custom_hooks = [dict(_base_.custom_hooks[0], momentum=0.002, gamma=300)]
default_hooks = dict(
    logger=dict(interval=10),
    channels_last=dict(type='ChannelsLastHook'),  # faster on a CPU
    checkpoint=dict(
        by_epoch=False,
        interval=checkpoint_interval,
        max_keep_ckpts=2,
        save_best=None,
    ),
)
log_processor = dict(by_epoch=False)
