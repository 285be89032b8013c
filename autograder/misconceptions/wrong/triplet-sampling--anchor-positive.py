NAME = "the anchor as its own positive"
SENTENCE = "The positive is sometimes the anchor itself: then the triplet teaches nothing."


class CUBtriplet:
    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        positives = (self.labels == self.labels[i]).nonzero().flatten()
        if len(positives) == 0:
            raise ValueError(f"image {i} is the only one of class {int(self.labels[i])}: it has no positive")
        if self.hardneg[i] < 0:
            raise ValueError("no negatives yet: call minehard(model) before the first epoch")
        positive = positives[torch.randint(len(positives), ())]
        images = (self.split[int(j)] for j in (i, positive, self.hardneg[i]))
        anchor, positive, negative = (self.transform(image) if self.transform else image for image in images)
        return anchor, positive, negative
