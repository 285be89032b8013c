NAME = "classes of equal size in order"
SENTENCE = (
    "The batch was read as blocks of classes of equal size: labels come in any order, classes in any size; "
    "build the mask from the labels."
)


def smooth_ap_loss(features: Tensor, labels: Tensor, tau: float = 0.01) -> Tensor:
    scores = features @ features.T
    self_ = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    block = torch.arange(len(labels)) // (len(labels) // len(labels.unique()))
    positive = (block[:, None] == block) & ~self_
    above = torch.sigmoid((scores[:, None, :] - scores[:, :, None]) / tau)  # [q, j, k]: k is above j in q's list
    above = above.masked_fill(self_[None] | self_[:, None], 0)  # k is neither j nor the query
    rank_among_positives = 1 + (above * positive[:, None]).sum(dim=2)
    rank = 1 + above.sum(dim=2)
    ap = (positive * rank_among_positives / rank).sum(dim=1) / positive.sum(dim=1).clamp_min(1)
    asked = positive.any(dim=1)
    return (asked * (1 - ap)).sum() / asked.sum().clamp_min(1)
