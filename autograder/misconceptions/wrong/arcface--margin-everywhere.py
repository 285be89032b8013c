NAME = "margin on every class"
SENTENCE = "The margin is added to the angle of every class: only the image's own class gets it."


class ArcFace:
    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        cosine = F.normalize(descriptors.float()) @ F.normalize(self.weight).T
        own = cosine
        sine = (
            1 - own.clamp(-1 + 1e-6, 1 - 1e-6).square()
        ).sqrt()  # 1e-6: below float32's step at 1 it would do nothing
        turned = own * math.cos(self.margin) - sine * math.sin(self.margin)
        past_pi = own <= -math.cos(self.margin)
        turned = torch.where(past_pi, own - self.margin * math.sin(self.margin), turned)
        return self.scale * turned
