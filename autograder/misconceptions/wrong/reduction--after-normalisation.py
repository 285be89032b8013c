NAME = "reduced after the normalisation"
SENTENCE = "The rows had length one before the linear layer and not after it: the division by the length comes last."


class GDextractor:
    def forward(self, x: Tensor, eps: float = 1e-6) -> Tensor:
        maps = self.features(x).float()  # norms and powers in float32, whatever precision the network ran in
        if self.p is not None:
            pooled = gem(maps, self.p)
        elif self.usemax:
            pooled = maps.amax(dim=(2, 3))
        else:
            pooled = maps.mean(dim=(2, 3))
        pooled = pooled / pooled.norm(dim=1, keepdim=True).clamp_min(eps)
        return pooled if self.reduce is None else self.reduce(pooled)
