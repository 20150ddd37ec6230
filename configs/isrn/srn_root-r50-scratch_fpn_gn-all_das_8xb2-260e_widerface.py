# All parts of ISRN: stem without stride, from random weights,
# data-anchor-sampling.
_base_ = [
    '../_base_/models/srn_r50-scratch_fpn_gn-all.py',
    '../_base_/datasets/widerface_das.py',
    '../_base_/schedules/schedule_260e.py',
    '../_base_/tta/multi_scale_1400.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(type='RootResNet'))
train_dataloader = dict(batch_size=2)
