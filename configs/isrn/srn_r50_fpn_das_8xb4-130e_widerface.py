# SRN trained with data-anchor-sampling.
_base_ = [
    '../_base_/models/srn_r50_fpn.py',
    '../_base_/datasets/widerface_das.py',
    '../_base_/schedules/schedule_130e.py',
    '../_base_/tta/multi_scale_1400.py',
    '../_base_/default_runtime.py',
]
