NAME = "margin on the cosine"
SENTENCE = "The margin is taken off the cosine (that is CosFace): here it is added to the angle."


class ArcFace:
    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        cosine = F.normalize(descriptors.float()) @ F.normalize(self.weight).T
        own = cosine.gather(1, labels[:, None]).squeeze(1)
        turned = own - self.margin
        return self.scale * cosine.scatter(1, labels[:, None], turned[:, None])
