NAME = "BatchNorm statistics updated"
SENTENCE = "The running statistics of BatchNorm have changed: in training mode every batch updates them."


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, margin: float) -> float:
    device = next(model.parameters()).device
    model.train()
    total, triplets = 0.0, 0
    for batch in loader:
        images = torch.cat(list(batch)).to(device)  # one forward pass for all three roles
        anchor, positive, negative = model(images).chunk(3)
        losses = triplet_loss(paired_distances(anchor, positive), paired_distances(anchor, negative), margin)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        total += losses.detach().sum().item()
        triplets += len(losses)
    if triplets == 0:
        raise ValueError("the loader gave no batch: are there fewer images than one batch, with drop_last set?")
    return total / triplets
