NAME = "helpers, lambdas, a class of tools, prints and warnings"

DEBUG = True
EPS = 1e-12


class Tools:
    """Small things used all over the file."""

    @staticmethod
    def sq(a, b):
        return ((a.unsqueeze(1) - b.unsqueeze(0)) ** 2).sum(dim=-1)

    @staticmethod
    def slow_check(a, b):
        return [float(((x - y) ** 2).sum()) for x in a for y in b]


hinge = lambda x: torch.maximum(x, torch.zeros_like(x))
off_diagonal = lambda n: torch.ones(n, n, dtype=torch.bool).fill_diagonal_(False)


def log(*what):
    if DEBUG:
        print(*what)


def masks(labels):
    same = labels.reshape(-1, 1) == labels.reshape(1, -1)
    return same & off_diagonal(len(labels)), ~same


def triplet_loss(distances_pos, distances_neg, margin, verbose=False):
    return hinge(distances_pos - distances_neg + margin)


def contrastive_loss(distances, same, margin):
    same = same > 0
    loss = torch.zeros_like(distances)
    loss[same] = distances[same] ** 2
    loss[~same] = hinge(margin - distances[~same]) ** 2
    return loss


def distances(a, b):
    log("distances of", a, "and", f"{b}")
    return Tools.sq(a, b)


def average_precision(distances, labels, query_label):
    import warnings

    log(distances, labels)
    ranked = labels[distances.sort().indices]
    hit = (ranked == query_label).to(torch.float32)
    if hit.sum() == 0:
        warnings.warn("nothing relevant")
        nothing = torch.full_like(hit, float("nan"))
        return torch.tensor(float("nan")), torch.zeros_like(hit), nothing
    ranks = torch.linspace(1, len(hit), len(hit))
    precision, recall = torch.cumsum(hit, 0) / ranks, torch.cumsum(hit, 0) / hit.sum()
    steps = torch.diff(recall, prepend=torch.zeros(1))
    return (precision * steps).sum(), precision, recall


def mean_average_precision(descriptors, labels, queries=None):
    if queries is None:
        queries = list(range(len(labels)))
    out = []
    for q in [int(i) for i in queries]:
        others = [i for i in range(len(labels)) if i != q]
        if not any(int(labels[i]) == int(labels[q]) for i in others):
            continue
        d = Tools.sq(descriptors[q : q + 1], descriptors[others])[0]
        out.append(average_precision(d, labels[others], labels[q])[0].item())
    if not out:
        return math.nan
    return sum(out) / len(out)


def batch_triplet_loss(features, labels, margin):
    D = distances(features, features)

    def cost(near, far):
        return hinge(near[:, :, None] - far[:, None, :] + margin)

    pos, neg = masks(labels)
    valid = torch.logical_and(pos[..., None], neg[:, None])
    log("valid triplets:", valid.sum())
    loss = cost(D, D).masked_fill(~valid, 0.0)
    return loss.sum() / torch.clamp(valid.sum(), min=1)


def smooth_ap_loss(features, labels, tau=0.01):
    S = features.mm(features.T)
    pos, _ = masks(labels)
    off = off_diagonal(len(labels))
    step = lambda x: torch.special.expit(x / tau)
    G = step(S[:, None] - S[:, :, None])
    G = torch.where(off[None] & off[:, None], G, torch.zeros(()))
    R, P = 1 + G.sum(-1), 1 + torch.where(pos[:, None], G, torch.zeros(())).sum(-1)
    asked = torch.where(pos.any(-1))[0]
    if len(asked) == 0:
        return S.sum() * 0
    AP = torch.where(pos, P / R, torch.zeros(())).sum(-1) / pos.sum(-1).clamp(min=1)
    log(AP)
    return (1 - AP[asked]).mean()
