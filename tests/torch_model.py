"""torch_model.py MIDL FOLDER - models travel between midl and PyTorch, both ways, to the same outputs.

FOLDER holds models of `midl train teacher` (*.safetensors). Each is loaded into a PyTorch module by its
state_dict (strict); then a module with weights of its own is written for midl. Exit status 1: they differ."""
import glob
import json
import os
import struct
import subprocess
import sys

import torch
from torch import nn

BOUND = 1e-5


def read(path):
    """Tensors and metadata of a safetensors file of F32 and I32."""
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    meta = header.pop("__metadata__", {})
    kinds = {"F32": torch.float32, "I32": torch.int32}
    tensors = {name: torch.frombuffer(bytearray(body[slice(*row["data_offsets"])]),
                                      dtype=kinds[row["dtype"]]).reshape(row["shape"])
               for name, row in header.items()}
    return tensors, meta


def write(path, tensors, meta):
    header, body = {"__metadata__": meta}, b""
    for name, tensor in tensors.items():
        data = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)


class LowRank(nn.Module):
    def __init__(self, d, n, r):
        super().__init__()
        self.down, self.up = nn.Linear(d, r, bias=False), nn.Linear(r, n)

    def forward(self, x):
        return self.up(self.down(x))


class MidL(nn.Module):
    """The layer as kernels/midl.h defines it: top-k, lowrank gate, unselected = light."""

    def __init__(self, d, n, r, rg, k):
        super().__init__()
        self.full, self.light, self.gate, self.k = nn.Linear(d, n), LowRank(d, n, r), LowRank(d, n, rg), k

    def forward(self, x):
        logits, light = self.gate(x), self.light(x)
        mask = torch.zeros_like(logits).scatter(-1, logits.topk(self.k, -1).indices, 1)
        gate = mask * torch.sigmoid(logits)
        return gate * self.full(x) + (1 - gate) * light


def build(tensors, meta):
    """The module of a fully connected model, from its tensors' shapes and the metadata."""
    layers, i = [], 0
    while any(name.startswith(f"classifier.{i}.") for name in tensors):
        at = f"classifier.{i}."
        if at + "full.weight" in tensors:
            n, d = tensors[at + "full.weight"].shape
            layers.append(MidL(d, n, tensors[at + "light.down.weight"].shape[0],
                               tensors[at + "gate.down.weight"].shape[0], int(meta[at + "k"])))
        else:
            n, d = tensors[at + "weight"].shape
            layers.append(nn.Linear(d, n))
        layers.append(nn.ReLU())
        i += 2
    model = nn.Module()
    model.classifier = nn.Sequential(*layers[:-1])
    model.load_state_dict(tensors)
    return model


def compare(midl, path, model, folder, x):
    """The largest difference, as a share of the largest output."""
    inputs, outputs = os.path.join(folder, "x"), os.path.join(folder, "y")
    write(inputs, {"x": x}, {"format": "test"})
    subprocess.run([midl, "eval", "--model", path, "--input", inputs, "--output", outputs],
                   check=True, stdout=subprocess.DEVNULL)
    with torch.no_grad():
        expected = model.classifier(x)
    got = read(outputs)[0]["y"]
    return ((got - expected).abs().max() / expected.abs().max()).item()


def main(midl, folder):
    torch.manual_seed(1)
    worst, models = 0.0, sorted(glob.glob(os.path.join(folder, "*.safetensors")))
    assert models, "no models"
    for path in models:
        tensors, meta = read(path)
        x = torch.randn(100, int(meta["input"]))
        model = build(tensors, meta)
        worst = max(worst, compare(midl, path, model, folder, x))
        # The way back: weights that PyTorch made, under the names of its state_dict.
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.1)
        written = os.path.join(folder, "written")
        write(written, dict(model.state_dict()), meta)
        worst = max(worst, compare(midl, written, model, folder, x))
    print(f"{len(models)} models both ways, largest difference {worst:.1e}, allowed {BOUND:.0e}")
    return 0 if worst <= BOUND else 1


sys.exit(main(sys.argv[1], sys.argv[2]))
