import random

NAME = "python lists and random, similarities instead of distances, detach instead of no_grad"


class CUBtriplet(Dataset):
    def __init__(self, split, transform=None):
        self.split = split
        self.transform = transform
        self.labels = [int(label) for label in split.labels]
        self.by_class = {}
        for i, label in enumerate(self.labels):
            self.by_class.setdefault(label, []).append(i)
        self.hardneg = None

    def __len__(self):
        return len(self.split)

    def minehard(self, model):
        was_training = model.training
        model.eval()
        parts = []
        for start in range(0, len(self), 64):
            images = torch.stack([self.split[i] for i in range(start, min(start + 64, len(self)))])
            parts.append(model(images).detach())
        descriptors = torch.cat(parts)
        similarity = descriptors @ descriptors.t()
        self.hardneg = []
        for i in range(len(self)):
            ranked = similarity[i].argsort(descending=True).tolist()
            hard = [j for j in ranked if self.labels[j] != self.labels[i]][:30]
            self.hardneg.append(random.choice(hard))
        if was_training:
            model.train()
        return self.hardneg, "done"

    def __getitem__(self, i):
        p = i
        while p == i:
            p = random.choice(self.by_class[self.labels[i]])
        t = self.transform if self.transform is not None else (lambda image: image)
        return t(self.split[i]), t(self.split[p]), t(self.split[self.hardneg[i]])
