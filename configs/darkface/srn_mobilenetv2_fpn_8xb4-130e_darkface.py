# Train with DARK FACE, without processing, and test on it.
_base_ = [
    '../_base_/models/srn_mobilenetv2_fpn.py',
    '../_base_/datasets/darkface.py',
    '../_base_/schedules/schedule_130e.py',
    '../_base_/tta/multi_scale_2100.py',
    '../_base_/default_runtime.py',
]
