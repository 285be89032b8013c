NAME = "only the hardest triplet of each anchor"
SENTENCE = (
    "Only the farthest positive and the nearest negative of each anchor were used (“batch hard”): this task "
    "asks for all valid triplets."
)


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    squared = distances(features, features)
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    asked = positive.any(dim=1) & ~same.all(dim=1)
    farthest = torch.where(positive, squared, 0).amax(dim=1)
    nearest = torch.where(same, squared.max() + 1, squared).amin(dim=1)
    return (triplet_loss(farthest, nearest, margin) * asked).sum() / asked.sum().clamp_min(1)
