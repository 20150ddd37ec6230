# Data-anchor-sampling on a small set; trains on a CPU.
_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

train_pipeline = [
    *_base_.train_pipeline[:3],  # load, distort colours
    dict(
        type='DataAnchorSampling',
        scales=(16, 32, 64, 128, 256),
        crop_size=320,
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
