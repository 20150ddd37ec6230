# The complete SRN, under its name in the tables.
_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
