NAME = "everything in float64, everything returned in float64"


def triplet_loss(distances_pos, distances_neg, margin):
    return torch.relu(distances_pos.double() - distances_neg.double() + margin)


def contrastive_loss(distances, same, margin):
    d, y = distances.double(), same.double()
    return y * d * d + (1 - y) * torch.relu(margin - d).pow(2)


def distances(a, b):
    a, b = a.double(), b.double()
    return torch.relu((a * a).sum(1, keepdim=True) + (b * b).sum(1)[None] - 2 * torch.mm(a, b.t()))


def average_precision(distances, labels, query_label):
    order = distances.double().argsort()
    rel = (labels[order] == query_label).double()
    k = torch.arange(1, len(rel) + 1).double()
    precision = rel.cumsum(0) / k
    recall = rel.cumsum(0) / rel.sum()
    return ((precision * rel).sum() / rel.sum()).item(), precision.numpy(), recall.numpy()


def batch_triplet_loss(features, labels, margin):
    d = distances(features, features)
    n = len(labels)
    same = labels.expand(n, n) == labels.expand(n, n).t()
    pos = same ^ torch.eye(n, dtype=torch.bool)
    loss = triplet_loss(d.view(n, n, 1), d.view(n, 1, n), margin)
    a, p, k = torch.nonzero(pos.view(n, n, 1) & ~same.view(n, 1, n), as_tuple=True)
    chosen = loss[a, p, k]
    return chosen.sum() / max(len(chosen), 1)


def smooth_ap_loss(features, labels, tau=0.01):
    f = features.double()
    s = f @ f.t()
    n = len(labels)
    q, j = torch.nonzero((labels[:, None] == labels[None]) & ~torch.eye(n).bool(), as_tuple=True)  # every query and positive
    if q.numel() == 0:
        return f.sum() * 0
    k = torch.arange(n)
    above = torch.sigmoid((s[q] - s[q, j][:, None]) / tau) * ((k != q[:, None]) & (k != j[:, None]))
    ratio = (1 + (above * (labels == labels[q][:, None])).sum(1)) / (1 + above.sum(1))
    sums = torch.zeros(n).double().index_add(0, q, ratio)
    counts = torch.bincount(q, minlength=n)
    return 1 - (sums[counts > 0] / counts[counts > 0]).mean()
