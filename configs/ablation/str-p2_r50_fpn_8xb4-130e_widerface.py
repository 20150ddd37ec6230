_base_ = './baseline_r50_fpn_8xb4-130e_widerface.py'

model = dict(bbox_head=dict(str_levels=(0,)))
