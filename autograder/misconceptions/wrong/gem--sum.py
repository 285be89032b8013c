NAME = "sum instead of mean"
SENTENCE = "The powers are added up over the map and not averaged: the value grows with the size of the map."


def gem(maps: Tensor, p: float | Tensor = 3.0, eps: float = 1e-6) -> Tensor:
    return maps.clamp_min(eps).pow(p).sum(dim=(2, 3)).pow(1.0 / p)
