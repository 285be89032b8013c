NAME = "eps too large"
ALSO = ["gem", "reduction"]
SENTENCE = "The rows are shorter than one: the eps that is added to the norm is not small beside it."


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
        return pooled / (pooled.norm(dim=1, keepdim=True) + 0.1)
