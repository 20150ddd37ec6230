# Train a curve estimation network and an SRN with ResNet-101 behind it
# together, on DARK FACE. To start from a trained enhancer and keep it frozen:
#   --cfg-options model.enhancer_checkpoint=FILE model.frozen=True
_base_ = [
    './srn_r101_fpn_8xb4-130e_darkface.py',
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
