NAME = "torch.cdist, boolean indexing, early returns"


def triplet_loss(distances_pos, distances_neg, margin):
    return F.relu(distances_pos - distances_neg + margin)


def contrastive_loss(distances, same, margin):
    same = same.float()
    return same * distances**2 + (1 - same) * torch.clamp(margin - distances, min=0) ** 2


def distances(a, b):
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist") ** 2


def average_precision(distances, labels, query_label):
    values, order = torch.sort(distances)
    rel = labels[order] == query_label
    cum = torch.cumsum(rel, 0)
    precision = cum / (torch.arange(rel.shape[0]) + 1)
    recall = cum / rel.sum()
    ap = precision[rel].mean()
    return ap, precision, recall


def mean_average_precision(descriptors, labels, queries=None):
    D = distances(descriptors, descriptors)
    aps = []
    for q in range(len(labels)) if queries is None else queries.tolist():
        keep = torch.arange(len(labels)) != q
        ap, _, _ = average_precision(D[q][keep], labels[keep], labels[q])
        if not torch.isnan(ap):
            aps.append(ap)
    if len(aps) == 0:
        warnings.warn("mAP is undefined")
        return float("nan")
    return torch.stack(aps).mean()


def batch_triplet_loss(features, labels, margin):
    D = distances(features, features)
    eq = labels.unsqueeze(0) == labels.unsqueeze(1)
    idx = torch.arange(len(labels))
    valid = eq[:, :, None] & (~eq)[:, None, :] & (idx[:, None] != idx[None, :])[:, :, None]
    if valid.sum() == 0:
        return (features * 0).sum()
    return F.relu(D[:, :, None] - D[:, None, :] + margin)[valid].mean()


def smooth_ap_loss(features, labels, tau=0.01):
    sim = torch.matmul(features, features.t())
    n = sim.shape[0]
    eye = torch.eye(n).bool()
    pos = (labels.view(-1, 1) == labels.view(1, -1)) & ~eye
    if not pos.any():
        return 0.0 * features.sum()
    sg = torch.sigmoid((sim.unsqueeze(1) - sim.unsqueeze(2)) / tau)
    sg = sg * (~eye).unsqueeze(0) * (~eye).unsqueeze(1)
    above = 1 + sg.sum(-1)
    above_pos = 1 + (sg * pos.unsqueeze(1)).sum(-1)
    ratio = torch.where(pos, above_pos / above, torch.zeros_like(above))
    ap = ratio.sum(1)[pos.any(1)] / pos.sum(1)[pos.any(1)]
    return 1 - ap.mean()
