# The light SRN behind a curve estimation network; both learn together, here
# on the dark copy of the set. To start from an enhancer that has learnt by
# itself, or to keep it so:
#   --cfg-options model.enhancer_checkpoint=FILE model.frozen=True
_base_ = [
    '../darkface/srn_mobilenetv2_fpn_1xb16-10e_facemask-dark.py',
    '../_base_/models/zero-dce.py',
]

model = dict(
    _delete_=True,
    type='EnhancedDetector',
    enhancer=_base_.enhancer,
    detector=_base_.model,
    frozen=False,
    enhancer_checkpoint=None,
)

# No Pad: black borders would enter the losses of the enhancer; the data
# preprocessor pads, and tells where.
train_pipeline = [x for x in _base_.train_pipeline if x['type'] != 'Pad']
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
