# Test protocol M at its full size, with --tta: for GPUs of 24 GB.
_base_ = './srn_r50_fpn_8xb4-130e_widerface.py'

tta_pipeline = list(_base_.tta_pipeline)
tta_pipeline[2] = dict(tta_pipeline[2], max_size=2100)
