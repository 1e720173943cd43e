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


# Running statistics too; PyTorch's own count of batches is not needed to load them.
layers = """layers:
  - conv: {out: 4, kernel: 3, padding: 1, bias: false}
  - batchnorm
  - relu
  - maxpool: 2
  - flatten
  - linear: 3
"""


def convolutional_network():
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1, bias=False), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(64, 3))


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    x = torch.randn(300, 20)
    y = x @ torch.randn(20, 3)
    data = f"{folder}/x.npy,{folder}/y.npy"
    np.save(folder / "x.npy", x.numpy())
    np.save(folder / "y.npy", y.numpy())
    common = ["--data", data, "--model", "mlp:32,16", "--loss", "mse", "--val-fraction", "0",
              "--threads", "1", "--quiet"]

    def predictions(what, name, model, inputs, data):
        run("predict", folder / name, "--data", data, "--output", folder / "ours.npy")
        model.load_state_dict(load_file(folder / name / "model.safetensors"), strict=True)
        with torch.no_grad():
            compare(f"predictions of {what} in PyTorch",
                    torch.from_numpy(np.load(folder / "ours.npy")), model.eval()(inputs))

    # From here to PyTorch.
    run(*common, "--epochs", 5, "--run", folder / "run")
    predictions("an MLP", "run", network(), x, data)

    images = torch.randn(200, 1, 8, 8)
    np.save(folder / "images.npy", images.numpy())
    np.save(folder / "classes.npy", torch.randint(0, 3, (200,)).numpy())
    (folder / "cnn.yaml").write_text(layers)
    data_of_images = f"{folder}/images.npy,{folder}/classes.npy"
    run("--data", data_of_images, "--model", folder / "cnn.yaml", "--epochs", 5, "--threads", 1,
        "--quiet", "--run", folder / "cnn")
    predictions("a CNN with batch norm", "cnn", convolutional_network(), images, data_of_images)

    # From PyTorch to here, and five steps of gradient descent on both sides.
    model = network()
    save_file(model.state_dict(), folder / "torch.safetensors")
    # Under names that are not ours, only the order counts.
    foreign = {f"body.layer{name}": value for name, value in model.state_dict().items()}
    save_file(foreign, folder / "foreign.safetensors")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    for file, order in ("torch", []), ("foreign", ["--init-order"]):
        run(*common, "--init-weights", folder / f"{file}.safetensors", *order, "--batch-size",
            "full", "--steps", 5, "--optimizer", "sgd", "--lr", 0.05, "--run", folder / file)
        ours = load_file(folder / file / "model.safetensors")
        for name, theirs in model.state_dict().items():
            compare(f"{name} after five steps from {file}.safetensors", ours[name], theirs)

sys.exit(0 if worst <= 1e-5 else 1)
