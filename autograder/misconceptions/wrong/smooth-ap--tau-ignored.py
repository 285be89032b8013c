NAME = "tau ignored"
SENTENCE = "The values are those of tau = 0.01, whatever tau is given: use the argument."


def smooth_ap_loss(features: Tensor, labels: Tensor, tau: float = 0.01) -> Tensor:
    scores = features @ features.T
    self_ = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive = (labels[:, None] == labels) & ~self_
    above = torch.sigmoid((scores[:, None, :] - scores[:, :, None]) / 0.01)  # [q, j, k]: k is above j in q's list
    above = above.masked_fill(self_[None] | self_[:, None], 0)  # k is neither j nor the query
    rank_among_positives = 1 + (above * positive[:, None]).sum(dim=2)
    rank = 1 + above.sum(dim=2)
    ap = (positive * rank_among_positives / rank).sum(dim=1) / positive.sum(dim=1).clamp_min(1)
    asked = positive.any(dim=1)
    return (asked * (1 - ap)).sum() / asked.sum().clamp_min(1)
