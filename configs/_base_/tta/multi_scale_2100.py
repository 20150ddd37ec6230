# The published multi-scale test at its full size, for GPUs of 24 GB. Images of
# DARK FACE are tested at 0.5, 1, 1.5, 2.25 and 2.38 times their size.
_base_ = './multi_scale_1400.py'

tta_pipeline = list(_base_.tta_pipeline)
tta_pipeline[2] = dict(tta_pipeline[2], max_size=2100)
