import pdb
import ssl
import sys
import warnings as w

import matplotlib.pyplot as plt
import scipy.spatial
from scipy import stats

NAME = "pdb, ssl, scipy and matplotlib imported, prints at import, warnings, helpers with the names of others"

print("loading my solution", pdb.__name__, ssl.__name__, plt.__name__, stats.__name__)
print("a warning on stderr", file=sys.stderr)
w.warn("this file is not finished", stacklevel=1)
best = {"p1": 0.0}


def helper(*args, **kwargs):
    print("helper called with", len(args), len(kwargs))
    return args[0]


def triplet_loss(distances_pos, distances_neg, margin, debug=False):
    # pdb.set_trace()
    if debug:
        print(distances_pos)
    return torch.relu(helper(distances_pos) - distances_neg + margin)


class CUBtriplet(Dataset):
    def minehard(self, model, k=30, verbose=True):
        training = model.training
        model.eval()
        found = []
        with torch.inference_mode():
            for i in range(len(self.split)):
                found.append(model(self.split[i][None])[0].numpy())
        model.train(training)
        d = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(found, "sqeuclidean"))
        for i in range(len(d)):
            row = torch.from_numpy(d[i]).clone()
            row[self.labels == self.labels[i]] = 1e9
            n = int((self.labels != self.labels[i]).sum())
            near = row.argsort()[: min(k, n)]
            self.hardneg[i] = near[int(stats.randint.rvs(0, len(near)))]
        if verbose:
            print("mined", len(d), "negatives: œuvre finie ✓")
        return True
