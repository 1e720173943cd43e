"""Weights there and back: PyTorch loads what this program has trained and predicts the same; this
program goes on from what PyTorch has trained, step for step.

    python Tests/Peers/weights.py PROGRAM        (PyTorch, NumPy, safetensors)

Prints the relative errors max|a - b| / max|b|; ends with 1 where one is above 1e-5.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
torch.manual_seed(0)
program = os.path.abspath(sys.argv[1])
worst = 0.0


def run(*words):
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    mpirun = ["mpirun", "-np", "2", "--bind-to", "none", program]
    subprocess.run(mpirun + [str(word) for word in words], check=True, env=environment,
                   stdin=subprocess.DEVNULL)


def compare(what, ours, theirs):
    global worst
    error = float((ours - theirs).abs().max() / theirs.abs().max())
    worst = max(worst, error)
    print(f"{what}: {error:.1e}")


def network():
    return torch.nn.Sequential(
        torch.nn.Linear(20, 32), torch.nn.ReLU(), torch.nn.Linear(32, 16), torch.nn.ReLU(),
        torch.nn.Linear(16, 3))


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    x = torch.randn(300, 20)
    y = x @ torch.randn(20, 3)
    data = f"{folder}/x.npy,{folder}/y.npy"
    np.save(folder / "x.npy", x.numpy())
    np.save(folder / "y.npy", y.numpy())
    common = ["--data", data, "--model", "mlp:32,16", "--loss", "mse", "--val-fraction", "0",
              "--threads", "1", "--quiet"]

    # From here to PyTorch.
    run(*common, "--epochs", 5, "--run", folder / "run")
    run("predict", folder / "run", "--data", data, "--output", folder / "ours.npy")
    model = network()
    model.load_state_dict(load_file(folder / "run" / "model.safetensors"), strict=True)
    with torch.no_grad():
        compare("predictions of a run in PyTorch", torch.from_numpy(np.load(folder / "ours.npy")),
                model(x))

    # From PyTorch to here, and five steps of gradient descent on both sides.
    model = network()
    save_file(model.state_dict(), folder / "torch.safetensors")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    run(*common, "--init-weights", folder / "torch.safetensors", "--batch-size", "full", "--steps",
        5, "--optimizer", "sgd", "--lr", 0.05, "--run", folder / "on")
    ours = load_file(folder / "on" / "model.safetensors")
    for name, theirs in model.state_dict().items():
        compare(f"{name} after five steps from PyTorch's weights", ours[name], theirs)

sys.exit(0 if worst <= 1e-5 else 1)
