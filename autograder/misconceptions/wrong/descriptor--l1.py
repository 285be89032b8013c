NAME = "sum of absolute values instead of the length"
ALSO = ["gem", "reduction"]
SENTENCE = "Each row is divided by the sum of its absolute values: the length is the root of the sum of squares."


class GDextractor:
    def forward(self, x: Tensor, eps: float = 1e-6) -> Tensor:
        maps = self.features(x).float()  # norms and powers in float32, whatever precision the network ran in
        if self.p is not None:
            pooled = gem(maps, self.p)
        elif self.usemax:
            pooled = maps.amax(dim=(2, 3))
        else:
            pooled = maps.mean(dim=(2, 3))
        if self.reduce is not None:
            pooled = self.reduce(pooled)
        return pooled / pooled.abs().sum(dim=1, keepdim=True).clamp_min(eps)
