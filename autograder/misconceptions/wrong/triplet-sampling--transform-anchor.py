NAME = "only the anchor is transformed"
SENTENCE = "The transform is applied to the anchor only: positive and negative are training images, too."


class CUBtriplet:
    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        positives = (self.labels == self.labels[i]).nonzero().flatten()
        positives = positives[positives != i]
        if len(positives) == 0:
            raise ValueError(f"image {i} is the only one of class {int(self.labels[i])}: it has no positive")
        if self.hardneg[i] < 0:
            raise ValueError("no negatives yet: call minehard(model) before the first epoch")
        positive = positives[torch.randint(len(positives), ())]
        images = (self.split[int(j)] for j in (i, positive, self.hardneg[i]))
        anchor, positive, negative = images
        anchor = self.transform(anchor) if self.transform else anchor
        return anchor, positive, negative
