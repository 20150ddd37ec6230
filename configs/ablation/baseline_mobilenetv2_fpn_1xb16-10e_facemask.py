# RetinaNet with the recipe of the short training of SRN.
_base_ = './rfe_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(bbox_head=dict(rfe=None))
