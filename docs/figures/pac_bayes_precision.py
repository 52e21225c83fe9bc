"""PAC-Bayes bounds of a logistic regression against the prior's precision, with the true loss known from held-out examples."""

import matplotlib.pyplot as plt
import torch
from torch import nn

from villani_verify import Landscape
from villani_verify.theory.pac_bayes.bounded_losses import module_loss
from villani_verify.theory.pac_bayes.sample import Sample
from villani_verify.theory.pac_bayes.study import certify

generator = torch.Generator().manual_seed(0)


def examples(count):
    x = torch.randn(count, 5, generator=generator, dtype=torch.float64)
    flipped = torch.rand(count, generator=generator) < 0.1
    return x, ((x[:, 0] > 0) ^ flipped).double()


def logistic(outputs, y):
    return nn.functional.binary_cross_entropy_with_logits(outputs.squeeze(-1), y)


def zero_one(outputs, y):
    return ((outputs.squeeze(-1) > 0) != (y > 0.5)).double()


x, y = examples(2000)
model = nn.Linear(5, 1, bias=False, dtype=torch.float64)
nn.init.zeros_(model.weight)
optimizer = torch.optim.LBFGS(model.parameters(), max_iter=100)


def regularised():
    optimizer.zero_grad()
    value = logistic(model(x), y) + 0.05 * model.weight.square().sum()
    value.backward()
    return value


optimizer.step(regularised)
landscape = Landscape.from_module(model, logistic, [(x, y)], weight_decay=0.1)
loss = module_loss(landscape, zero_one, name="zero-one", unit="errors", uniform=0.5)
held_out = Sample(examples(2000), "drawn afresh", independent=True, seen=False)
study = certify(landscape, loss, held_out=held_out, posterior_sds=[0.01, 0.03, 0.1, 0.3], draws=1000)

rows = study.over_precision()
precisions = [row.prior_precision for row in rows]
figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for name, label in (("mcallester", "McAllester"), ("catoni", "Catoni"), ("maurer-seeger", "Maurer–Seeger")):
    axes.semilogx(precisions, [row.bounds[name] for row in rows], marker=".", label=label)
low, high = zip(*(row.held_out.interval for row in rows), strict=True)
axes.fill_between(precisions, low, high, color="0.6", alpha=0.4, linewidth=0)
axes.plot(precisions, [row.held_out.value for row in rows], color="0.3", label="held-out loss, 95 %")
axes.axhline(loss.uniform, color="0.3", linestyle=":", label="uniform predictor")
axes.set(xlabel="prior precision λ", ylabel="0/1 loss", ylim=(0, 1.05))
axes.legend(loc="upper left")
