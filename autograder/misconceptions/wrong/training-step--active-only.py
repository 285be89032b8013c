NAME = "mean over the costly triplets"
SENTENCE = "The mean is over the triplets that cost something: where none does, it is 0 / 0."


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, margin: float) -> float:
    device = next(model.parameters()).device
    model.train()
    freeze_batchnorm(model)
    total, triplets = 0.0, 0
    for batch in loader:
        images = torch.cat(list(batch)).to(device)  # one forward pass for all three roles
        anchor, positive, negative = model(images).chunk(3)
        losses = triplet_loss(paired_distances(anchor, positive), paired_distances(anchor, negative), margin)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        total += losses.detach().sum().item()
        triplets += int((losses > 0).sum())
    return total / triplets if triplets else math.nan
