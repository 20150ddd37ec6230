# ATSS assigns the positives of both steps.
_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

atss = dict(assigner=dict(_delete_=True, type='ATSSAssigner', topk=9))
model = dict(train_cfg=dict(first_step=atss, second_step=atss))
