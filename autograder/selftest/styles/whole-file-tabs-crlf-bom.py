# -*- coding: utf-8 -*-
# Řešení úlohy – Žluťoučký kůň, größer ≥ 30 %, 日本語のコメント
NAME = "a whole file with byte-order mark, CRLF, tabs and comments in many scripts"
COMPLETE = True

import math, warnings
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
import torch.utils.data as data
from torch.utils.data import DataLoader

if False:
	pass

class GDextractor(nn.Module):
	"""Dělá popisovače."""
	def __init__(self, input_model, dim, usemax = False, gem = False, reduction = None, **kwargs):
		super().__init__()
		layers = list(input_model.children())
		del layers[-2:]
		self.net = nn.Sequential(*layers)
		self.usemax, self.dim_in = usemax, dim
		self.p = nn.Parameter(torch.full((1,), 3.)) if gem else 1.0
		self.is_gem = gem
		self.red = nn.Linear(dim, reduction) if reduction else nn.Sequential()
		self.dim = reduction if reduction else dim

	def forward(self, x, eps = 1e-6):
		f = self.net(x).flatten(2)
		if self.is_gem: f = f.clamp(min=eps).pow(self.p).mean(2).pow(1/self.p)
		elif self.usemax: f = f.amax(2)
		else: f = f.mean(-1)
		f = self.red(f)
		return F.normalize(f, dim=1)

def gem(maps, p = 3, eps = 1e-6):
	return maps.flatten(2).clamp(min=eps).pow(p).mean(2).pow(1/p)

def triplet_loss(distances_pos, distances_neg, margin):
	zero = torch.zeros_like(distances_pos)
	return torch.max(zero, distances_pos - distances_neg + margin)    # záporné ztráty ne

def contrastive_loss(distances, same, margin):
	s = same.to(distances.dtype)
	return s*distances.pow(2) + (1-s)*F.relu(margin-distances).pow(2)

class ArcFace(nn.Module):
	def __init__(self, dim, n_classes, scale = 30., margin = .5):
		super().__init__()
		self.weight = nn.Parameter(torch.Tensor(n_classes, dim))
		nn.init.xavier_uniform_(self.weight)
		self.s, self.m = scale, margin

	def forward(self, descriptors, labels):
		c = F.linear(F.normalize(descriptors), F.normalize(self.weight))
		s = (1.0 - c.pow(2)).clamp(1e-6, 1).sqrt()
		shifted = c*math.cos(self.m) - s*math.sin(self.m)
		shifted = torch.where(c > math.cos(math.pi - self.m), shifted, c - self.m*math.sin(self.m))
		mine = torch.zeros_like(c).scatter_(1, labels.view(-1, 1), 1.0)
		return self.s*(mine*shifted + (1 - mine)*c)

class CUBtriplet(data.Dataset):
	def __init__(self, split, transform = None):
		self.split, self.transform = split, transform
		self.labels = np.asarray(split.labels)
		self.hardneg = np.arange(len(split)).astype('int64')

	def __len__(self): return self.labels.shape[0]

	def minehard(self, model, batch = 50):
		model.eval()
		with torch.no_grad():
			X = torch.cat([model(b) for b in DataLoader(self.split, batch_size=batch, shuffle=False)]).numpy()
		S = X @ X.T
		S[self.labels[:, None] == self.labels[None, :]] = -10    # vlastní třída pryč
		order = np.argsort(-S, axis=1)[:, :30]
		how_many = np.minimum(30, (S > -5).sum(1))
		pick = (np.random.rand(len(S))*how_many).astype(int)
		self.hardneg = order[np.arange(len(S)), pick]
		return None

	def __getitem__(self, i):
		others = np.flatnonzero((self.labels == self.labels[i]) & (np.arange(len(self)) != i))
		j = others[np.random.randint(len(others))]
		out = []
		for k in (i, j, self.hardneg[i]):
			img = self.split[k]
			out.append(img if self.transform is None else self.transform(img))
		return tuple(out)

def train(model, loader, optimizer, margin):
	model.train()
	for m in model.modules():
		if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)): m.eval()
	sums = []
	for triplet in loader:
		a, p, n = [model(t) for t in triplet]
		loss = triplet_loss((a-p).square().sum(1), (a-n).square().sum(1), margin)
		optimizer.zero_grad()
		loss.sum().backward()
		optimizer.step()
		sums.append(loss.detach().numpy())
	return float(np.concatenate(sums).mean())


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
