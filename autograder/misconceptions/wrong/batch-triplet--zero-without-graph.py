NAME = "a plain 0 without valid triplets"
SENTENCE = (
    "Without a valid triplet a new tensor of 0 came back, and backward() fails on it: let the 0 come from the "
    "features, as a sum over an empty mask does."
)


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    squared = distances(features, features)
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    valid = positive[:, :, None] & ~same[:, None, :]  # [anchor, positive, negative]
    if not valid.any():
        return torch.tensor(0.0)
    losses = triplet_loss(squared[:, :, None], squared[:, None, :], margin)
    return torch.where(valid, losses, 0).sum() / valid.sum().clamp_min(1)
