NAME = "the last stage dropped"
ALSO = ["gem", "reduction"]
SENTENCE = (
    "The last convolutional stage is missing: only the global pooling and the classifier are to be cut off, "
    "the last two children."
)


def convolutional_part(model: nn.Module) -> nn.Module:
    if isinstance(getattr(model, "features", None), nn.Module):  # MobileNet, SqueezeNet, VGG
        return model.features
    return nn.Sequential(*list(model.children())[:-3])  # ResNet: the last two children are avgpool and fc
