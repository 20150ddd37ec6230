# Last part of the recipe of the default weights: half of the channels of the
# last convolutions of the head go, and the learning rate falls to 1 %.
_base_ = './srn-giou_mobilenetv2_fpn_amp-1xb4-6000i_people.py'

load_from = (
    'work_dirs/srn-giou_mobilenetv2_fpn_amp-1xb4-6000i_people/iter_800.pth'
)
max_iters = 640
base_lr = 0.0003
channels = 32  # that stay, of 64

# The first layers are good, and take most of the time.
model = dict(backbone=dict(frozen_stages=2))
find_unused_parameters = True  # of several processes, for these layers

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
    dict(_base_.custom_hooks[0], momentum=0.005, gamma=60),
    dict(type='ChannelPruningHook', channels=channels, batches=25),
]
