# Second part of the recipe of srn_mobilenetv2: boxes that fit tighter.
_base_ = './srn_mobilenetv2_fpn_amp-1xb16-60e_facemask-low-light.py'

load_from = (
    'work_dirs/srn_mobilenetv2_fpn_amp-1xb16-60e_facemask-low-light/'
    'epoch_60.pth'
)
max_epochs = 20
base_lr = 0.0003
train_ratio_range = (0.4, 1.4)  # of 640, the longer side

model = dict(
    bbox_head=dict(
        loss_str=dict(loss_bbox_ss=dict(type='GIoULoss', loss_weight=2.0))
    ),
    # Tighter boxes overlap less with their neighbours'.
    test_cfg=dict(score_thr=0.01, nms=dict(iou_threshold=0.65)),
)
train_pipeline = _base_.train_pipeline
train_pipeline[5].ratio_range = train_ratio_range
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=base_lr))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=40),
    dict(
        type='CosineAnnealingLR',
        eta_min=base_lr * 0.01,
        T_max=max_epochs,
        convert_to_iter_based=True,
    ),
]
