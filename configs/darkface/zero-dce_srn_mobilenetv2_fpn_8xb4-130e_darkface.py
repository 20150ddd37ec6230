# A curve estimation network and the light SRN behind it learn together, with
# DARK FACE as it is. To start from an enhancer that has learnt by itself, or
# to keep it so:
#   --cfg-options model.enhancer_checkpoint=FILE model.frozen=True
_base_ = [
    './srn_mobilenetv2_fpn_8xb4-130e_darkface.py',
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
