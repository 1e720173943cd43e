"""Makes Tests/TestSupport/Golden/optimizers-more.safetensors: settings that optimizers.safetensors
does not have, from the same start and gradients, by torch.optim; LARS in float64 from its paper.

    python Tests/Peers/optimizer_golden.py        (PyTorch 2.15, safetensors)
"""

import pathlib

import torch
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
golden = pathlib.Path(__file__).parent.parent / "TestSupport" / "Golden"
given = load_file(golden / "optimizers.safetensors")
start, gradients = given["p0"], given["grads"]


def follow(make):
    parameter = torch.nn.Parameter(start.clone())
    optimizer = make([parameter])
    rows = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        rows.append(parameter.detach().clone())
    return torch.stack(rows)


def lars(rate, momentum=0.9, trust=1e-3, weight_decay=0.0):
    """arXiv 1708.03888, algorithm 1, on one tensor."""
    p = start.double()
    buffer = torch.zeros_like(p)
    rows = []
    for gradient in gradients.double():
        local = trust * p.norm() / (gradient.norm() + weight_decay * p.norm())
        buffer = momentum * buffer + rate * local * (gradient + weight_decay * p)
        p = p - buffer
        rows.append(p.float())
    return torch.stack(rows)


optim = torch.optim
cases = {
    "nesterov-l2": follow(lambda p: optim.SGD(p, 0.05, 0.8, nesterov=True, weight_decay=0.02)),
    "adagrad-l2": follow(lambda p: optim.Adagrad(p, 0.05, weight_decay=0.02, eps=1e-3)),
    "adadelta-l2": follow(lambda p: optim.Adadelta(p, 0.7, rho=0.8, eps=1e-4, weight_decay=0.02)),
    "rmsprop-l2": follow(lambda p: optim.RMSprop(p, 0.01, eps=1e-3, weight_decay=0.02)),
    "adamw-amsgrad": follow(lambda p: optim.AdamW(p, 0.05, weight_decay=0.1, amsgrad=True)),
    "adamax-l2": follow(lambda p: optim.Adamax(p, 0.05, (0.8, 0.9), 1e-3, weight_decay=0.02)),
    "nadam-l2": follow(
        lambda p: optim.NAdam(p, 0.05, (0.8, 0.99), weight_decay=0.02, momentum_decay=0.05)),
    "radam-l2": follow(lambda p: optim.RAdam(p, 0.05, (0.8, 0.99), 1e-3, weight_decay=0.02)),
    "rprop-etas": follow(
        lambda p: optim.Rprop(p, 0.05, etas=(0.3, 1.5), step_sizes=(0.01, 0.1))),
    "lars": lars(1.0),
    "lars-decay": lars(20.0, momentum=0.8, trust=2e-3, weight_decay=0.05),
}
save_file(cases, golden / "optimizers-more.safetensors")
