NAME = "acos at its ends"
SENTENCE = (
    "The logits are right, but the gradient is infinite or NaN where cos θ = ±1: acos is infinitely steep "
    "there, and rounding takes cos θ past 1."
)


class ArcFace:
    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        cosine = F.normalize(descriptors.float()) @ F.normalize(self.weight).T
        own = cosine.gather(1, labels[:, None]).squeeze(1)
        angle = torch.acos(own)
        turned = torch.where(
            angle + self.margin < math.pi, (angle + self.margin).cos(), own - self.margin * math.sin(self.margin)
        )
        return self.scale * cosine.scatter(1, labels[:, None], turned[:, None])
