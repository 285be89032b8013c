NAME = "rises again past π"
SENTENCE = "Past θ + m = π the own logit rises again: the farthest descriptors are rewarded."


class ArcFace:
    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        cosine = F.normalize(descriptors.float()) @ F.normalize(self.weight).T
        own = cosine.gather(1, labels[:, None]).squeeze(1)
        sine = (
            1 - own.clamp(-1 + 1e-6, 1 - 1e-6).square()
        ).sqrt()  # 1e-6: below float32's step at 1 it would do nothing
        turned = own * math.cos(self.margin) - sine * math.sin(self.margin)
        return self.scale * cosine.scatter(1, labels[:, None], turned[:, None])
