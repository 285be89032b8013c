NAME = "positive and negative swapped"
SENTENCE = "The second image is the negative and the third the positive: the order is anchor, positive, negative."


class CUBtriplet:
    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        positives = (self.labels == self.labels[i]).nonzero().flatten()
        positives = positives[positives != i]
        if len(positives) == 0:
            raise ValueError(f"image {i} is the only one of class {int(self.labels[i])}: it has no positive")
        if self.hardneg[i] < 0:
            raise ValueError("no negatives yet: call minehard(model) before the first epoch")
        positive = positives[torch.randint(len(positives), ())]
        images = (self.split[int(j)] for j in (i, self.hardneg[i], positive))
        anchor, positive, negative = (self.transform(image) if self.transform else image for image in images)
        return anchor, positive, negative
