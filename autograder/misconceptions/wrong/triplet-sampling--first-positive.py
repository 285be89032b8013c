NAME = "always the first image of the class"
SENTENCE = "The positive is always the same image, the first that fits: it is to be a random one of the class."


class CUBtriplet:
    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        positives = (self.labels == self.labels[i]).nonzero().flatten()
        positives = positives[positives != i]
        if len(positives) == 0:
            raise ValueError(f"image {i} is the only one of class {int(self.labels[i])}: it has no positive")
        if self.hardneg[i] < 0:
            raise ValueError("no negatives yet: call minehard(model) before the first epoch")
        positive = positives[0]
        images = (self.split[int(j)] for j in (i, positive, self.hardneg[i]))
        anchor, positive, negative = (self.transform(image) if self.transform else image for image in images)
        return anchor, positive, negative
