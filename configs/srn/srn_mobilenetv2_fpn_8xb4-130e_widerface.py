# Light SRN.
_base_ = [
    '../_base_/models/srn_mobilenetv2_fpn.py',
    '../_base_/datasets/widerface.py',
    '../_base_/schedules/schedule_130e.py',
    '../_base_/tta/multi_scale_1400.py',
    '../_base_/default_runtime.py',
]
