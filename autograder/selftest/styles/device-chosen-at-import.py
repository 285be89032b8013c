NAME = "a module-level cuda device that everything is moved to"

device = torch.device("cuda:0")


class CUBtriplet(Dataset):
    def minehard(self, model):
        model = model.to(device)
        model.eval()
        descriptors = []
        with torch.no_grad():
            for images in DataLoader(self.split, batch_size=32):
                descriptors.append(model(images.to(device)))
        descriptors = torch.cat(descriptors)
        labels = self.labels.to(device)
        d = torch.cdist(descriptors, descriptors)
        for i in range(len(labels)):
            negatives = torch.nonzero(labels != labels[i])[:, 0]
            nearest = negatives[torch.argsort(d[i, negatives])[:30]]
            self.hardneg[i] = nearest[torch.randint(0, len(nearest), (1,))].item()


def train(model, loader, optimizer, margin):
    model.to(device)
    model.train()
    freeze_batchnorm(model)
    total, n = 0, 0
    for a, p, n_ in loader:
        a, p, n_ = a.to(device), p.to(device), n_.to(device)
        optimizer.zero_grad()
        fa, fp, fn = model(a), model(p), model(n_)
        loss = triplet_loss((fa - fp).pow(2).sum(1), (fa - fn).pow(2).sum(1), margin)
        loss.mean().backward()
        optimizer.step()
        total += loss.sum().item()
        n += a.shape[0]
    return total / n
