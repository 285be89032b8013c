NAME = "draws until the class is another one"
SENTENCE = (
    "The 30 nearest of all images are drawn from until one is of another class: where all 30 are of the "
    "anchor's class this never ends."
)


class CUBtriplet:
    def minehard(self, model: nn.Module) -> None:
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        was_training = model.training
        model.eval()
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
            nearest = squared.topk(min(30, len(labels)), largest=False).indices
            pick = torch.zeros(len(rows), dtype=torch.long)
            for row, anchor in enumerate(rows.tolist()):
                wrong = labels[nearest[row]] == labels[anchor]
                if wrong.all():  # in a student's file this is a `while` that never ends; this one runs in the grader
                    raise TimeoutError("all of the 30 nearest are positives")
                while wrong[pick[row]]:
                    pick[row] = torch.randint(nearest.shape[1], ())
            self.hardneg[rows.cpu()] = nearest.gather(1, pick[:, None]).squeeze(1).cpu()
