# Curve estimation network with the losses and weights of Zero-DCE.
enhancer = dict(
    type='CurveEnhancer',
    channels=32,
    iterations=8,
    downsample=4,  # 1 as in the paper, at sixteen times the cost
    losses=dict(
        spatial=dict(type='SpatialConsistencyLoss', loss_weight=1.0),
        exposure=dict(
            type='ExposureControlLoss', target=0.6, region=16, loss_weight=1.0
        ),
        color=dict(type='ColorConstancyLoss', loss_weight=0.5),
        smoothness=dict(type='IlluminationSmoothnessLoss', loss_weight=20.0),
    ),
)
