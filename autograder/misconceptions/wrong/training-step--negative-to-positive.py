NAME = "distance positive–negative"
SENTENCE = "The negative's distance is measured from the positive: both distances start at the anchor."


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, margin: float) -> float:
    device = next(model.parameters()).device
    model.train()
    freeze_batchnorm(model)
    total, triplets = 0.0, 0
    for batch in loader:
        images = torch.cat(list(batch)).to(device)  # one forward pass for all three roles
        anchor, positive, negative = model(images).chunk(3)
        losses = triplet_loss(paired_distances(anchor, positive), paired_distances(positive, negative), margin)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        total += losses.detach().sum().item()
        triplets += len(losses)
    if triplets == 0:
        raise ValueError("the loader gave no batch: are there fewer images than one batch, with drop_last set?")
    return total / triplets
