"""epoch_torch.py METHOD RANK [THREADS] - seconds of an epoch in PyTorch, printed: the network of `midl train mnist`.

METHOD: dense, or midl: both hidden layers as a module that computes F for all neurons and masks it. The same
recipe: Adam, batches of 64, examples in a new order, the loss read at every step. Data: $MIDL_DATA/mnist."""
import gzip
import os
import sys
import time

import torch
from torch import nn


class MidL(nn.Module):
    """Top-k by the logits of a low-rank gate, unselected neurons by the light path, trained as rule ste."""

    def __init__(self, d, n, rank, active=0.45):
        super().__init__()
        self.full = nn.Linear(d, n)
        self.light = nn.Sequential(nn.Linear(d, rank, bias=False), nn.Linear(rank, n))
        self.gate = nn.Sequential(nn.Linear(d, rank, bias=False), nn.Linear(rank, n))
        self.k = int(active * n)

    def forward(self, x):
        logits = self.gate(x)
        p = torch.sigmoid(logits)
        with torch.no_grad():
            mask = torch.zeros_like(logits).scatter_(-1, logits.topk(self.k, -1).indices, 1)
        gate = mask * p
        light = self.light(x)
        return gate * self.full(x) + (1 - gate) * light


def mnist(kind, header):
    path = os.path.join(os.environ["MIDL_DATA"], "mnist", kind)
    with gzip.open(path) as file:
        return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)


def main(method, rank, threads=1):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    labels = mnist("train-labels-idx1-ubyte.gz", 8).long()
    x = mnist("train-images-idx3-ubyte.gz", 16).reshape(len(labels), -1).float()
    x = (x - x.mean()) / x.std()
    layer = nn.Linear if method == "dense" else lambda d, n: MidL(d, n, rank)
    net = nn.Sequential(layer(784, 1024), nn.ReLU(), layer(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for part in (640, len(labels)):  # the first steps warm up
        begin, order, loss_sum = time.perf_counter(), torch.randperm(part), 0.0
        for i in range(0, part, 64):
            rows = order[i:i + 64]
            loss = nn.functional.cross_entropy(net(x[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss_sum += loss.item()
        seconds = time.perf_counter() - begin
    print("%.4f" % seconds)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
