"""PyTorch DDP, the peer of `swift-dist-train bench zoo --peer` (written for this project, Apache-2.0): samples/s, final loss and peak memory on one workload.

torchrun --nproc-per-node R torch_ddp.py WORKLOAD [--steps N] [--batch B] [--compile]
Batches are picked from tensors already in memory (the fastest honest input path).
"""
import argparse, gzip, os, resource, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP

p = argparse.ArgumentParser()
p.add_argument("workload"); p.add_argument("--steps", type=int, default=300); p.add_argument("--batch", type=int)
p.add_argument("--compile", action="store_true"); p.add_argument("--fused", action="store_true", help="the fused optimizer step"); p.add_argument("--bf16", action="store_true")
p.add_argument("--data", default="/usr/share/datasets/fashion-mnist"); p.add_argument("--backend", default="gloo")
a = p.parse_args()
world = int(os.environ.get("WORLD_SIZE", 1)); rank = int(os.environ.get("RANK", 0))
if world > 1: dist.init_process_group(a.backend)
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1))); torch.manual_seed(0)

def idx(name):
    with gzip.open(f"{a.data}/{name}") as f: b = f.read()
    nd = b[3]; dims = [int.from_bytes(b[4+4*i:8+4*i], "big") for i in range(nd)]
    return np.frombuffer(b, np.uint8, offset=4+4*nd).reshape(dims)

class Block(nn.Module):
    def __init__(s, i, o, st):
        super().__init__()
        s.c1 = nn.Conv2d(i, o, 3, st, 1, bias=False); s.b1 = nn.BatchNorm2d(o)
        s.c2 = nn.Conv2d(o, o, 3, 1, 1, bias=False); s.b2 = nn.BatchNorm2d(o)
        s.sc = nn.Sequential() if st == 1 and i == o else nn.Sequential(nn.Conv2d(i, o, 1, st, bias=False), nn.BatchNorm2d(o))
    def forward(s, x):
        y = F.relu(s.b1(s.c1(x))); return F.relu(s.b2(s.c2(y)) + s.sc(x))

def resnet20():
    L = [nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]; i = 16
    for o, st in [(16, 1), (32, 2), (64, 2)]:
        for k in range(3): L.append(Block(i, o, st if k == 0 else 1)); i = o
    return nn.Sequential(*L, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))

class LSTM(nn.Module):
    def __init__(s):
        super().__init__(); s.r = nn.LSTM(28, 128, batch_first=True); s.f = nn.Linear(128, 10)
    def forward(s, x): return s.f(s.r(x.view(-1, 28, 28))[0][:, -1])

class GPTBlock(nn.Module):
    def __init__(s, c, h):
        super().__init__(); s.h = h
        s.l1 = nn.LayerNorm(c); s.qkv = nn.Linear(c, 3*c); s.o = nn.Linear(c, c); s.l2 = nn.LayerNorm(c)
        s.fc = nn.Linear(c, 4*c); s.pr = nn.Linear(4*c, c)
    def forward(s, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, s.h, C//s.h).transpose(1, 2) for t in s.qkv(s.l1(x)).split(C, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
        x = x + s.o(y); return x + s.pr(F.gelu(s.fc(s.l2(x))))

class GPT(nn.Module):
    def __init__(s, V, T, C, L, H):
        super().__init__(); s.te = nn.Embedding(V, C); s.pe = nn.Embedding(T, C)
        s.b = nn.ModuleList([GPTBlock(C, H) for _ in range(L)]); s.lf = nn.LayerNorm(C); s.hd = nn.Linear(C, V, bias=False)
        s.hd.weight = s.te.weight; nn.init.normal_(s.te.weight, std=0.02)
    def forward(s, i):
        x = s.te(i) + s.pe(torch.arange(i.shape[1]))
        for b in s.b: x = b(x)
        return s.hd(s.lf(x))

w = a.workload
if w.startswith("gpt"):
    V, T, C, L, H, bs = {"gpt-nano": (65, 64, 128, 4, 4, 12), "gpt-small": (256, 256, 384, 6, 6, 8)}[w]
    model = GPT(V, T, C, L, H); bs = a.batch or bs
    toks = torch.randint(0, V, (1 << 20,))
    def batch():
        s = torch.randint(0, len(toks)-T-1, (bs,)); ix = s[:, None] + torch.arange(T+1)
        t = toks[ix]; return t[:, :-1], t[:, 1:].reshape(-1)
    lossf = lambda o, y: F.cross_entropy(o.view(-1, V), y); opt = torch.optim.AdamW(model.parameters(), 1e-3, fused=a.fused or None)
elif w == "linear":
    X = torch.randn(200000, 64); Y = X @ torch.randn(64, 1) + 0.1*torch.randn(200000, 1); bs = a.batch or 256
    model = nn.Linear(64, 1)
    def batch():
        i = torch.randint(0, len(X), (bs,)); return X[i], Y[i]
    lossf = F.mse_loss; opt = torch.optim.SGD(model.parameters(), 0.01, fused=a.fused or None)
else:
    X = torch.from_numpy(idx("train-images-idx3-ubyte.gz").astype(np.float32)/255)[rank::world]
    Y = torch.from_numpy(idx("train-labels-idx1-ubyte.gz").astype(np.int64))[rank::world]
    if w == "mlp": bs = a.batch or 32; model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    elif w == "mlp-wide": bs = a.batch or 128; model = nn.Sequential(nn.Flatten(), nn.Linear(784, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 10))
    elif w == "cnn": bs = a.batch or 64; model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))
    elif w == "resnet20": bs = a.batch or 64; model = resnet20()
    elif w == "lstm": bs = a.batch or 64; model = LSTM()
    if w in ("cnn", "resnet20"): X = X[:, None]
    def batch():
        i = torch.randint(0, len(X), (bs,)); return X[i], Y[i]
    lossf = F.cross_entropy; opt = torch.optim.Adam(model.parameters(), 1e-3, fused=a.fused or None)

n = sum(t.numel() for t in model.parameters())
m = DDP(model, gradient_as_bucket_view=True) if world > 1 else model
if a.compile: m = torch.compile(m)
ctx = lambda: torch.autocast("cpu", torch.bfloat16, enabled=a.bf16)
def step():
    x, y = batch(); opt.zero_grad(set_to_none=True)
    with ctx(): l = lossf(m(x), y)
    l.backward(); opt.step(); return l
for _ in range(10): step()
if world > 1: dist.barrier()
t = time.perf_counter()
for _ in range(a.steps): l = step()
if world > 1: dist.barrier()
dt = time.perf_counter() - t
if rank == 0:
    print(f"peer=torch{'-compile' if a.compile else ''}{'-fused' if a.fused else ''}{'-bf16' if a.bf16 else ''} workload={w} ranks={world} batch={bs} params={n} steps={a.steps} step_ms={dt/a.steps*1e3:.3f} samples_per_s={a.steps*bs*world/dt:.0f} loss={l.item():.4f} rss_mb={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024:.0f}")
if world > 1: dist.destroy_process_group()
