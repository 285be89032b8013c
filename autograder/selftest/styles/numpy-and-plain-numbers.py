import numpy as np
from scipy.spatial.distance import cdist

NAME = "numpy, scipy, plain numbers and lists come back"


def distances(a, b):
    return cdist(a.numpy(), b.numpy(), "sqeuclidean")


def average_precision(distances, labels, query_label):
    order = np.argsort(distances.numpy())
    rel = labels.numpy()[order] == query_label
    hits = np.cumsum(rel)
    precision = hits / np.arange(1, len(rel) + 1)
    with np.errstate(invalid="ignore"):
        recall = hits / rel.sum()
        ap = np.sum(precision * rel) / rel.sum()
    return float(ap), precision.tolist(), recall.tolist()


def mean_average_precision(descriptors, labels, queries=None):
    X, y = descriptors.numpy(), labels.numpy()
    total, n = 0.0, 0
    asked = range(len(y)) if queries is None else queries
    for q in asked:
        q = int(q)
        d = ((X - X[q]) ** 2).sum(1)
        d, rest = np.delete(d, q), np.delete(y, q)
        ap, _, _ = average_precision(torch.tensor(d), torch.tensor(rest), y[q])
        if ap == ap:
            total += ap
            n += 1
    return total / n if n else float("nan")


def batch_triplet_loss(features, labels, margin):
    d = ((features[:, None] - features[None]) ** 2).sum(-1)
    same = (labels[:, None] == labels[None]).float()
    mask = (same - torch.eye(len(labels)))[:, :, None] * (1 - same)[:, None, :]
    loss = torch.clamp(d[:, :, None] - d[:, None, :] + margin, min=0.0) * mask
    return loss.sum() / max(1.0, mask.sum().item())


class CUBtriplet(Dataset):
    def minehard(self, model):
        model.eval()
        with torch.no_grad():
            X = torch.stack([model(self.split[i][None])[0] for i in range(len(self))]).numpy()
        D = distances(torch.tensor(X), torch.tensor(X))
        y = self.labels.numpy()
        for i in range(len(y)):
            order = [j for j in np.argsort(D[i]) if y[j] != y[i]][:30]
            self.hardneg[i] = int(np.random.choice(order))
        return self.hardneg
