# The recipe of the DARK FACE slide deck as it stands: colour distortion, crops
# and flips; no expansion, no clipped gradients, no warm-up. What the other
# configs add, and why: docs/faithfulness.md#the-recipe-of-the-slide-deck
_base_ = './srn_r101_fpn_8xb4-130e_widerface.py'

train_pipeline = [x for x in _base_.train_pipeline if x['type'] != 'Expand']
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(clip_grad=None)
param_scheduler = [_base_.param_scheduler[1]]
