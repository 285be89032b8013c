NAME = "full broadcasting, topk, in-place steps on copies, no helpers"


def triplet_loss(distances_pos, distances_neg, margin):
    loss = distances_pos - distances_neg
    loss += margin
    return loss.clamp_(min=0)


def contrastive_loss(distances, same, margin):
    zero = torch.tensor(0.0)
    return torch.where(same == 1, distances**2, torch.max(zero, margin - distances) ** 2)


def distances(a, b):
    return torch.pow(a[:, None, :] - b[None, :, :], 2).sum(2)


def average_precision(distances, labels, query_label):
    n = len(distances)
    nearest = torch.topk(distances, n, largest=False).indices
    good = labels[nearest] == query_label
    where = torch.where(good)[0]
    R = len(where)
    precision = torch.cumsum(good, 0) / torch.arange(1, n + 1)
    recall = torch.cumsum(good, 0) / (R if R else float("nan"))
    ap = (torch.arange(1, R + 1) / (where + 1)).mean()
    return ap, precision, recall


def mean_average_precision(descriptors, labels, queries=None):
    D = distances(descriptors, descriptors)
    n = len(labels)
    D[range(n), range(n)] = float("inf")
    rank = D.argsort(1)[:, : n - 1]
    good = (labels[rank] == labels[:, None]).float()
    AP = (good.cumsum(1) / torch.arange(1, n) * good).sum(1) / good.sum(1)
    if queries is not None:
        AP = AP[queries]
    AP = AP[~AP.isnan()]
    return AP.mean().item()


def batch_triplet_loss(features, labels, margin):
    d = distances(features, features)
    i = torch.arange(len(labels))
    a, p, n = i[:, None, None], i[None, :, None], i[None, None, :]
    ok = (a != p) & (labels[a] == labels[p]) & (labels[a] != labels[n])
    cost = d[a, p] - d[a, n] + margin
    cost = torch.where(cost > 0, cost, torch.zeros_like(cost))
    cost = torch.where(ok, cost, torch.zeros_like(cost))
    if ok.any():
        return cost.sum() / ok.sum()
    return cost.sum()


def smooth_ap_loss(features, labels, tau=0.01):
    n = len(labels)
    s = (features[:, None] * features[None]).sum(2)
    i = torch.arange(n)
    q, j, k = i[:, None, None], i[None, :, None], i[None, None, :]
    ok = ((k != j) & (k != q)).float()
    P = ((labels[q] == labels[k]) & (k != q)).float()
    sig = torch.sigmoid((s[q, k] - s[q, j]) / tau) * ok
    top, bottom = (sig * P).sum(2) + 1, sig.sum(2) + 1
    P = P[:, 0, :]
    R = P.sum(1)
    ap = (top / bottom * P).sum(1)[R > 0] / R[R > 0]
    return (1 - ap).sum() / max(1, len(ap))
