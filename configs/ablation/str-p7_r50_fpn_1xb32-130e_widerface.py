_base_ = './baseline_r50_fpn_1xb32-130e_widerface.py'

model = dict(bbox_head=dict(str_levels=(5,)))
