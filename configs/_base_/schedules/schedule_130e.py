# The published schedule: 100, 20 and 10 epochs at rates of 0.01, 0.001 and
# 0.0001, batches of 32.
max_epochs = 130
base_lr = 0.01

train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=10
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',  # 'AmpOptimWrapper' or `--amp` for mixed precision
    optimizer=dict(type='SGD', lr=base_lr, momentum=0.9, weight_decay=0.0001),
    clip_grad=dict(max_norm=35, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, end=500),
    dict(type='MultiStepLR', milestones=[100, 120], gamma=0.1),
]

# `--auto-scale-lr` multiplies the rate by batch / 32.
auto_scale_lr = dict(enable=False, base_batch_size=32)
