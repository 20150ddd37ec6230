# Experiment C: train with WIDER FACE and a processed copy of DARK FACE, test
# on the copy.
_base_ = [
    '../_base_/models/srn_mobilenetv2_fpn.py',
    '../_base_/datasets/widerface_darkface.py',
    '../_base_/schedules/schedule_130e.py',
    '../_base_/tta/multi_scale_2100.py',
    '../_base_/default_runtime.py',
]
