NAME = "fixed 7 × 7 window"
ALSO = ["reduction"]
SENTENCE = (
    "The pooling window is 7 × 7 whatever the size of the map: of a larger map only a corner is pooled, a "
    "smaller one fails."
)


class GDextractor:
    def forward(self, x: Tensor, eps: float = 1e-6) -> Tensor:
        maps = self.features(x).float()  # norms and powers in float32, whatever precision the network ran in
        if self.p is not None:
            pooled = gem(maps, self.p)
        elif self.usemax:
            pooled = F.max_pool2d(maps, 7).flatten(1)
        else:
            pooled = F.avg_pool2d(maps, 7).flatten(1)
        if self.reduce is not None:
            pooled = self.reduce(pooled)
        return pooled / pooled.norm(dim=1, keepdim=True).clamp_min(eps)
