# The complete SRN, under its name in the tables.
_base_ = '../srn/srn_r50_fpn_8xb4-130e_widerface.py'
