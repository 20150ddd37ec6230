# RetinaNet with SRN's recipe for short trainings.
_base_ = './rfe_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(bbox_head=dict(rfe=None))
