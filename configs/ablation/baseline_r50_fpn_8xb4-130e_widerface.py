# The RetinaNet of the paper's tables: SRN without STC, STR and RFE.
_base_ = '../srn/srn_r50_fpn_8xb4-130e_widerface.py'

model = dict(bbox_head=dict(rfe=None, stc_levels=(), str_levels=()))
