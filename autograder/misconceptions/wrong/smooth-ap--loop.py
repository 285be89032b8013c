NAME = "a loop over queries"
SENTENCE = "The loss is right but computed query by query: give query, positive and competitor a dimension each."


def smooth_ap_loss(features: Tensor, labels: Tensor, tau: float = 0.01) -> Tensor:
    scores = features @ features.T
    total, asked = scores.sum() * 0, 0
    for q in range(len(labels)):
        others = torch.arange(len(labels)) != q
        mine = scores[q][others]
        positive = labels[others] == labels[q]
        above = torch.sigmoid((mine[None] - mine[:, None]) / tau) * ~torch.eye(len(mine), dtype=torch.bool)
        ap = (1 + (above * positive).sum(dim=1)) / (1 + above.sum(dim=1))
        if positive.any():
            total, asked = total + 1 - ap[positive].mean(), asked + 1
    return total / max(asked, 1)
