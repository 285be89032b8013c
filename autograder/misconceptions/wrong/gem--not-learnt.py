NAME = "the exponent is not a parameter"
SENTENCE = "The exponent is a plain number: an optimiser sees only what is an nn.Parameter."


class GDextractor:
    def __init__(
        self, input_model: nn.Module, dim: int, usemax: bool = False, gem: bool = False, reduction: int | None = None
    ) -> None:
        super().__init__()
        self.features = convolutional_part(input_model)
        self.usemax = usemax
        self.p = 3.0 if gem else None
        self.reduce = nn.Linear(dim, reduction) if reduction else None
        self.dim = reduction or dim
