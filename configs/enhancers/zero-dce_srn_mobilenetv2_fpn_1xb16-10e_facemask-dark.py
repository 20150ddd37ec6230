# Train a curve estimation network and the light SRN behind it together, on the
# dark copy of the set. To start from a trained enhancer and keep it frozen:
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

# No Pad: black borders would enter the losses of the enhancer. The data
# preprocessor pads instead, and the losses ignore its padding.
train_pipeline = [x for x in _base_.train_pipeline if x['type'] != 'Pad']
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
