NAME = "normalised over the batch"
ALSO = ["gem", "reduction"]
SENTENCE = (
    "The columns have length one instead of the rows: the norm was taken over the batch, so each descriptor "
    "depends on the other images."
)


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
        return pooled / pooled.norm(dim=0, keepdim=True).clamp_min(eps)
