NAME = "a random linear layer after the pooling"
ALSO = ["gem", "reduction"]
SENTENCE = "There is an untrained linear layer between pooling and normalisation: it mixes the channels at random."


class GDextractor:
    def __init__(
        self, input_model: nn.Module, dim: int, usemax: bool = False, gem: bool = False, reduction: int | None = None
    ) -> None:
        super().__init__()
        self.features = convolutional_part(input_model)
        self.usemax = usemax
        self.mix = nn.Linear(dim, dim)
        self.p = nn.Parameter(torch.tensor(3.0)) if gem else None
        self.reduce = nn.Linear(dim, reduction) if reduction else None
        self.dim = reduction or dim

    def forward(self, x: Tensor, eps: float = 1e-6) -> Tensor:
        maps = self.features(x).float()  # norms and powers in float32, whatever precision the network ran in
        if self.p is not None:
            pooled = gem(maps, self.p)
        elif self.usemax:
            pooled = maps.amax(dim=(2, 3))
        else:
            pooled = maps.mean(dim=(2, 3))
        pooled = self.mix(pooled)
        if self.reduce is not None:
            pooled = self.reduce(pooled)
        return pooled / pooled.norm(dim=1, keepdim=True).clamp_min(eps)
