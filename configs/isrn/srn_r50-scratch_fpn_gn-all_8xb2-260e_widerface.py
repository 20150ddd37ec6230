# SRN with group norm, trained from random weights for twice as long.
_base_ = [
    '../_base_/models/srn_r50-scratch_fpn_gn-all.py',
    '../_base_/datasets/widerface.py',
    '../_base_/schedules/schedule_260e.py',
    '../_base_/tta/multi_scale_1400.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=2)
