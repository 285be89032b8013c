NAME = "dim before the reduction"
SENTENCE = "The attribute dim is still the number of channels: it is the length of the descriptor that comes out."


class GDextractor:
    def __init__(
        self, input_model: nn.Module, dim: int, usemax: bool = False, gem: bool = False, reduction: int | None = None
    ) -> None:
        super().__init__()
        self.features = convolutional_part(input_model)
        self.usemax = usemax
        self.p = nn.Parameter(torch.tensor(3.0)) if gem else None
        self.reduce = nn.Linear(dim, reduction) if reduction else None
        self.dim = dim
