import numpy as np

NAME = "numpy mining, one image at a time, uint32 array, returns it, leaves the model in eval mode"


class CUBtriplet(Dataset):
    def __init__(self, split, transform=None):
        self.split = split
        self.transform = transform
        self.labels = np.array(split.labels)
        self.hardneg = np.zeros(len(split), dtype=np.uint32)

    def minehard(self, model):
        model.eval()
        descriptors = np.zeros((len(self.split), model.dim), dtype=np.float32)
        with torch.no_grad():
            for i in range(len(self.split)):
                descriptors[i] = model(self.split[i].unsqueeze(0)).squeeze(0).cpu().numpy()
        for i in range(len(self.split)):
            d = np.linalg.norm(descriptors - descriptors[i], axis=1)
            order = np.argsort(d)
            order = order[self.labels[order] != self.labels[i]]
            self.hardneg[i] = np.random.choice(order[:30])
        return self.hardneg

    def __getitem__(self, i):
        positives = np.where(self.labels == self.labels[i])[0]
        positives = np.setdiff1d(positives, [i])
        images = [self.split[i], self.split[np.random.choice(positives)], self.split[self.hardneg[i]]]
        if self.transform is not None:
            images = [self.transform(image) for image in images]
        return images[0], images[1], images[2]
