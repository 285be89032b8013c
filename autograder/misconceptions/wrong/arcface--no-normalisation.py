NAME = "lengths left in"
SENTENCE = "The logits grow with the lengths of descriptor and weight row: both are divided by their lengths first."


class ArcFace:
    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        cosine = descriptors.float() @ self.weight.T
        own = cosine.gather(1, labels[:, None]).squeeze(1)
        sine = (
            1 - own.clamp(-1 + 1e-6, 1 - 1e-6).square()
        ).sqrt()  # 1e-6: below float32's step at 1 it would do nothing
        turned = own * math.cos(self.margin) - sine * math.sin(self.margin)
        past_pi = own <= -math.cos(self.margin)
        turned = torch.where(past_pi, own - self.margin * math.sin(self.margin), turned)
        return self.scale * cosine.scatter(1, labels[:, None], turned[:, None])
