NAME = "square root at its end"
SENTENCE = (
    "The logits are right, but the gradient is infinite or NaN where cos θ = ±1: the root of 1 − cos² is "
    "infinitely steep at 0."
)


class ArcFace:
    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        cosine = F.normalize(descriptors.float()) @ F.normalize(self.weight).T
        own = cosine.gather(1, labels[:, None]).squeeze(1)
        sine = (1 - own.square()).sqrt()
        turned = own * math.cos(self.margin) - sine * math.sin(self.margin)
        past_pi = own <= -math.cos(self.margin)
        turned = torch.where(past_pi, own - self.margin * math.sin(self.margin), turned)
        return self.scale * cosine.scatter(1, labels[:, None], turned[:, None])
