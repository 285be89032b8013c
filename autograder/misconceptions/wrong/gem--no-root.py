NAME = "no root"
SENTENCE = "The mean of the powers comes back: the p-th root is missing."


def gem(maps: Tensor, p: float | Tensor = 3.0, eps: float = 1e-6) -> Tensor:
    return maps.clamp_min(eps).pow(p).mean(dim=(2, 3))
