# Last part of the recipe of the default weights: the learning rate falls to 1
# %.
_base_ = './srn-giou_mobilenetv2_fpn_amp-1xb8-6000i_people.py'

load_from = (
    'work_dirs/srn-giou_mobilenetv2_fpn_amp-1xb8-6000i_people/iter_800.pth'
)
max_iters = 750
base_lr = 0.0004

train_cfg = dict(max_iters=max_iters, val_interval=max_iters + 1)
optim_wrapper = dict(optimizer=dict(lr=base_lr))
param_scheduler = [
    # Warm-up, because Adam's averages start anew.
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, end=30),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=30,
        T_max=max_iters - 30,
        eta_min=base_lr * 0.01,
    ),
]
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.005,
        gamma=60,
        update_buffers=True,
        priority=49,
    )
]
