# Twice as long: 200, 40 and 20 epochs at rates of 0.005, 0.0005 and 0.00005,
# batches of 16.
_base_ = './schedule_130e.py'

train_cfg = dict(max_epochs=260)
optim_wrapper = dict(optimizer=dict(lr=0.005))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type='MultiStepLR', milestones=[200, 240], gamma=0.1),
]

auto_scale_lr = dict(base_batch_size=16)
