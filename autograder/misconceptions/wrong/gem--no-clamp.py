NAME = "negative values raised to p"
SENTENCE = "Values below zero go into the power as they are, which gives NaN or the wrong sign: they count as eps."


def gem(maps: Tensor, p: float | Tensor = 3.0, eps: float = 1e-6) -> Tensor:
    return (maps + eps).pow(p).mean(dim=(2, 3)).pow(1.0 / p)
