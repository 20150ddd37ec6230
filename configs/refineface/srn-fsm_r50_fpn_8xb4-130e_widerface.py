# Feature supervision module, used in training only.
_base_ = '../srn/srn_r50_fpn_8xb4-130e_widerface.py'

model = dict(
    auxiliary_head=dict(
        type='FeatureSupervisionHead',
        num_classes=_base_.num_classes,
        in_channels=256,
        feat_channels=256,
        num_convs=4,
        first_step=False,  # regions of the second-step maps
        anchor_generator=_base_.model.bbox_head.anchor_generator,
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0),
            out_channels=256,
            featmap_strides=_base_.strides,
            # Takes each anchor from its own level: anchors measure 7.9 and
            # 11.6 pixels on the finest, twice as much on each next.
            finest_scale=7,
        ),
        assigner=_base_.model.train_cfg.second_step.assigner,
        sampler=dict(
            type='RandomSampler',
            num=64,  # per image
            pos_fraction=0.25,
            add_gt_as_proposals=False,
        ),
        loss_cls=dict(
            type='FocalLoss',
            use_sigmoid=True,
            gamma=2.0,
            alpha=0.25,
            loss_weight=1.0,
        ),
    )
)
