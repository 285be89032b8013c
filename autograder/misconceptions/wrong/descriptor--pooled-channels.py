NAME = "pooled over the channels"
ALSO = ["reduction"]
SENTENCE = (
    "The pooling runs over the channels and leaves one number per position: the channels are what a descriptor"
    " is made of."
)


class GDextractor:
    def forward(self, x: Tensor, eps: float = 1e-6) -> Tensor:
        maps = self.features(x).float()  # norms and powers in float32, whatever precision the network ran in
        if self.p is not None:
            pooled = gem(maps, self.p)
        elif self.usemax:
            pooled = maps.flatten(2).amax(dim=1)
        else:
            pooled = maps.flatten(2).mean(dim=1)
        if self.reduce is not None:
            pooled = self.reduce(pooled)
        return pooled / pooled.norm(dim=1, keepdim=True).clamp_min(eps)
