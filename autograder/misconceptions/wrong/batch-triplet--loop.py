NAME = "a loop over anchors"
SENTENCE = "The loss is right but computed anchor by anchor: give anchor, positive and negative a dimension each."


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    total, count = features.sum() * 0, 0
    for a in range(len(labels)):
        squared = (features[a] - features).square().sum(dim=1)
        positive = labels == labels[a]
        negative = ~positive
        positive[a] = False
        losses = (squared[positive][:, None] - squared[negative] + margin).clamp_min(0)
        total, count = total + losses.sum(), count + losses.numel()
    return total / max(count, 1)
