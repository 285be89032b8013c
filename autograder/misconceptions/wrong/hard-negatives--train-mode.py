NAME = "mining in training mode"
SENTENCE = (
    "Mining runs in training mode: BatchNorm updates its statistics with the mined batches, and the descriptors"
    " depend on them."
)


class CUBtriplet:
    def minehard(self, model: nn.Module) -> None:
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        was_training = model.training
        model.train()
        with torch.no_grad():
            batches = DataLoader(self.split, batch_size=128)
            descriptors = torch.cat([model(images.to(device)) for images in batches])
        model.train(was_training)

        labels = self.labels.to(device)
        others = len(labels) - torch.bincount(labels)[labels]  # how many negatives each image has
        if (others == 0).any():
            raise ValueError("all images are of one class: there is no negative to mine; use at least two classes")
        for rows in torch.arange(len(labels), device=device).split(CHUNK):
            squared = distances(descriptors[rows], descriptors)
            squared[labels[rows, None] == labels] = torch.inf
            nearest = squared.topk(min(30, len(labels)), largest=False).indices
            candidates = others[rows].clamp_max(nearest.shape[1])  # never reach into the masked tail of the row
            pick = (torch.rand(len(rows), device=device) * candidates).long()
            self.hardneg[rows.cpu()] = nearest.gather(1, pick[:, None]).squeeze(1).cpu()
