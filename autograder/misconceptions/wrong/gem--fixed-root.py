NAME = "the root ignores p"
SENTENCE = "The power uses the given p, the root always the third one."


def gem(maps: Tensor, p: float | Tensor = 3.0, eps: float = 1e-6) -> Tensor:
    return maps.clamp_min(eps).pow(p).mean(dim=(2, 3)).pow(1.0 / 3.0)
