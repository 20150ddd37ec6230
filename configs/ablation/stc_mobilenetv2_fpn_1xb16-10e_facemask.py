_base_ = './baseline_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(bbox_head=dict(stc_levels=(0, 1, 2)))  # P2 to P4
