NAME = "einsum, losses times masks, minus zero"


def triplet_loss(distances_pos, distances_neg, margin):
    loss = distances_pos - distances_neg + margin
    return loss * (loss > 0)


def contrastive_loss(distances, same, margin):
    same = same.bool()
    gap = margin - distances
    gap = gap * (gap > 0)
    return torch.pow(distances, 2) * same + torch.pow(gap, 2) * ~same


def distances(a, b):
    aa = torch.einsum("id,id->i", a, a)
    bb = torch.einsum("jd,jd->j", b, b)
    ab = torch.einsum("id,jd->ij", a, b)
    d = aa.view(-1, 1) + bb.view(1, -1) - 2.0 * ab
    return d * (d > 0)


def average_precision(distances, labels, query_label):
    rel = torch.eq(labels.gather(0, distances.argsort()), query_label).double()
    n = torch.ones_like(rel).cumsum(0)
    p = rel.cumsum(0).div(n)
    r = rel.cumsum(0).div(rel.sum())
    return torch.dot(p, rel).div(rel.sum()), p, r


def batch_triplet_loss(features, labels, margin):
    gram = torch.einsum("id,jd->ij", features, features)
    sq = gram.diagonal()
    d = sq[:, None] + sq[None, :] - 2 * gram
    same = labels[:, None].eq(labels[None, :])
    pos = same.logical_and(torch.ones_like(same).triu(1) | torch.ones_like(same).tril(-1)).float()
    neg = same.logical_not().float()
    w = torch.einsum("ap,an->apn", pos, neg)
    loss = d[:, :, None] - d[:, None, :] + margin
    loss = loss * (loss > 0)
    return torch.einsum("apn,apn->", loss, w) / (w.sum() + 1e-16)


def smooth_ap_loss(features, labels, tau=0.01):
    s = torch.einsum("id,jd->ij", features, features)
    B = len(labels)
    off = 1 - torch.eye(B)
    pos = labels[:, None].eq(labels[None, :]).float() * off
    diff = (s.view(B, 1, B) - s.view(B, B, 1)) / tau
    exponent = torch.clamp(-diff, min=-50, max=50)
    g = 1.0 / (1.0 + torch.exp(exponent))
    g = g * off[:, None, :] * off[None]
    num = 1 + torch.einsum("qjk,qk->qj", g, pos)
    den = 1 + g.sum(2)
    R = pos.sum(1)
    ap = torch.einsum("qj,qj->q", num / den, pos) / torch.clamp(R, min=1)
    has = (R > 0).float()
    return ((1 - ap) * has).sum() / torch.clamp(has.sum(), min=1)
