NAME = "a whole file by hand, in the manner of the lab sheet: loops where they are allowed, lists, no type hints"
COMPLETE = True

import math
import random
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset


class GDextractor(nn.Module):
    def __init__(self, input_model, dim, usemax=False, gem=False, reduction=None):
        super(GDextractor, self).__init__()
        self.features = nn.Sequential(*list(input_model.children())[:-2])
        self.usemax = usemax
        self.dim = dim
        self.gem = gem
        if gem:
            self.p = nn.Parameter(torch.ones(1) * 3)
        self.fc = None
        if reduction is not None:
            self.fc = nn.Linear(dim, reduction)
            self.dim = reduction

    def forward(self, x, eps=1e-6):
        x = self.features(x)
        if self.gem:
            x = gem(x, self.p)
        elif self.usemax:
            x = F.adaptive_max_pool2d(x, 1).squeeze(-1).squeeze(-1)
        else:
            x = F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1)
        if self.fc is not None:
            x = self.fc(x)
        norm = torch.sqrt(torch.sum(x ** 2, dim=1, keepdim=True))
        return x / (norm + eps)


def gem(maps, p=3.0, eps=1e-6):
    x = torch.clamp(maps, min=eps)
    x = torch.mean(x ** p, dim=(-2, -1))
    return x ** (1.0 / p)


def triplet_loss(distances_pos, distances_neg, margin):
    return torch.clamp(distances_pos - distances_neg + margin, min=0)


def contrastive_loss(distances, same, margin):
    same = same.float()
    pos = same * distances ** 2
    neg = (1 - same) * torch.clamp(margin - distances, min=0) ** 2
    return pos + neg


class ArcFace(nn.Module):
    def __init__(self, dim, n_classes, scale=30.0, margin=0.5):
        super().__init__()
        self.W = nn.Parameter(torch.randn(n_classes, dim))
        self.scale = scale
        self.margin = margin

    def forward(self, descriptors, labels):
        cos = F.normalize(descriptors, dim=1) @ F.normalize(self.W, dim=1).t()
        sin = torch.sqrt((1.0 - cos ** 2).clamp(min=0) + 1e-7)
        phi = cos * math.cos(self.margin) - sin * math.sin(self.margin)
        th = math.cos(math.pi - self.margin)
        mm = math.sin(math.pi - self.margin) * self.margin
        phi = torch.where(cos > th, phi, cos - mm)
        logits = cos.clone()
        for b in range(len(labels)):
            logits[b, labels[b]] = phi[b, labels[b]]
        return logits * self.scale


class CUBtriplet(Dataset):
    def __init__(self, split, transform=None):
        self.split = split
        self.transform = transform
        self.labels = split.labels
        self.hardneg = [0] * len(split)

    def __len__(self):
        return len(self.labels)

    def minehard(self, model):
        model.eval()
        vecs = []
        with torch.no_grad():
            for i in range(len(self.labels)):
                vecs.append(model(self.split[i].unsqueeze(0))[0])
        vecs = torch.stack(vecs)
        for i in range(len(self.labels)):
            d = torch.sum((vecs - vecs[i]) ** 2, dim=1)
            candidates = []
            for j in torch.argsort(d):
                if self.labels[j] != self.labels[i]:
                    candidates.append(int(j))
                if len(candidates) == 30:
                    break
            self.hardneg[i] = random.choice(candidates)
        return self.hardneg

    def __getitem__(self, i):
        same = [j for j in range(len(self.labels)) if self.labels[j] == self.labels[i] and j != i]
        j = random.choice(same)
        k = self.hardneg[i]
        a, p, n = self.split[i], self.split[j], self.split[k]
        if self.transform is not None:
            a, p, n = self.transform(a), self.transform(p), self.transform(n)
        return a, p, n


def train(model, loader, optimizer, margin):
    model.train()
    model.apply(lambda m: m.eval() if "BatchNorm" in m.__class__.__name__ else None)
    total = 0.0
    count = 0
    for a, p, n in loader:
        optimizer.zero_grad()
        xa, xp, xn = model(a), model(p), model(n)
        dp = torch.sum((xa - xp) ** 2, dim=1)
        dn = torch.sum((xa - xn) ** 2, dim=1)
        loss = triplet_loss(dp, dn, margin)
        loss.mean().backward()
        optimizer.step()
        total = total + loss.sum().item()
        count = count + len(loss)
    return total / count


def distances(a, b):
    aa = torch.sum(a ** 2, 1).unsqueeze(1)
    bb = torch.sum(b ** 2, 1).unsqueeze(0)
    d = aa + bb - 2.0 * torch.mm(a, b.t())
    return torch.clamp(d, min=0.0)


def average_precision(distances, labels, query_label):
    idx = torch.argsort(distances, stable=True)
    good = (labels[idx] == query_label).float()
    n_good = good.sum()
    k = torch.arange(len(good)).float() + 1
    precision = torch.cumsum(good, 0) / k
    recall = torch.cumsum(good, 0) / n_good
    ap = torch.sum(precision * good) / n_good
    return ap, precision, recall


def mean_average_precision(descriptors, labels, queries=None):
    if not torch.isfinite(descriptors).all():
        raise ValueError("NaN in the descriptors")
    if queries is None:
        queries = range(len(labels))
    aps = []
    for q in queries:
        q = int(q)
        d = distances(descriptors[q].view(1, -1), descriptors)[0]
        keep = torch.arange(len(labels)) != q
        if (labels[keep] == labels[q]).sum() == 0:
            continue
        ap, _, _ = average_precision(d[keep], labels[keep], labels[q])
        aps.append(float(ap))
    if len(aps) == 0:
        warnings.warn("no query has a positive")
        return float("nan")
    return sum(aps) / len(aps)


def batch_triplet_loss(features, labels, margin):
    d = distances(features, features)
    n = labels.shape[0]
    equal = labels.unsqueeze(0) == labels.unsqueeze(1)
    not_me = ~torch.eye(n, dtype=torch.bool)
    pos = equal & not_me
    neg = ~equal
    mask = (pos.unsqueeze(2) & neg.unsqueeze(1)).float()
    loss = F.relu(d.unsqueeze(2) - d.unsqueeze(1) + margin) * mask
    return loss.sum() / torch.clamp(mask.sum(), min=1.0)


def smooth_ap_loss(features, labels, tau=0.01):
    n = features.shape[0]
    sim = torch.matmul(features, features.t())
    diff = sim.unsqueeze(1) - sim.unsqueeze(2)  # q, j, k
    sg = torch.sigmoid(diff / tau)
    eye = torch.eye(n)
    other = (1 - eye).unsqueeze(0) * (1 - eye).unsqueeze(1)  # k != j and k != q
    sg = sg * other
    pos = (labels.unsqueeze(0) == labels.unsqueeze(1)).float() * (1 - eye)
    r_all = 1 + sg.sum(2)
    r_pos = 1 + (sg * pos.unsqueeze(1)).sum(2)
    n_pos = pos.sum(1)
    has = (n_pos > 0).float()
    ap = (pos * r_pos / r_all).sum(1) / n_pos.clamp(min=1)
    return ((1 - ap) * has).sum() / has.sum().clamp(min=1)
