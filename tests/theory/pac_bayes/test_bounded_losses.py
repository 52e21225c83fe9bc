from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from villani_verify.errors import LandscapeError, RequestError
from villani_verify.landscape import Landscape
from villani_verify.theory.pac_bayes.bounded_losses import bounded_loss, clipped_cross_entropies, module_loss, token_errors
from villani_verify.theory.pac_bayes.sample import sample_of

F64 = torch.float64


def logits_and_tokens() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(5, 7, 4, generator=generator, dtype=F64), torch.randint(4, (5, 7), generator=generator)


def test_token_error_against_a_loop() -> None:
    logits, tokens = logits_and_tokens()
    for row, found in zip(range(5), token_errors(logits, tokens), strict=True):
        wrong = [int(logits[row, i].argmax()) != int(tokens[row, i + 1]) for i in range(6)]
        assert float(found) == pytest.approx(sum(wrong) / 6, rel=1e-14)


@pytest.mark.parametrize("clip", [0.5, 2.0, 100.0])
def test_clipped_cross_entropy_against_a_loop(clip: float) -> None:
    logits, tokens = logits_and_tokens()
    for row, found in zip(range(5), clipped_cross_entropies(logits, tokens, clip), strict=True):
        nats = []
        for i in range(6):
            scores = logits[row, i].tolist()
            nats.append(math.log(sum(map(math.exp, scores))) - scores[int(tokens[row, i + 1])])
        assert float(found) == pytest.approx(sum(min(x, clip) for x in nats) / 6 / clip, rel=1e-12)
        if clip == 100:
            expected = nn.functional.cross_entropy(logits[row, :-1], tokens[row, 1:])
            assert 100 * float(found) == pytest.approx(float(expected), rel=1e-12)


def test_what_is_not_a_number_counts_as_the_largest_loss() -> None:
    logits, tokens = logits_and_tokens()
    clean = token_errors(logits, tokens), clipped_cross_entropies(logits, tokens, 5.0)
    logits[2] = math.nan
    logits[3, 0, 1] = math.inf
    errors, nats = token_errors(logits, tokens), clipped_cross_entropies(logits, tokens, 5.0)
    assert float(errors[2]) == float(nats[2]) == 1.0
    assert float(nats[3]) >= float(clean[1][3]) - 1 / 6
    assert bool(((nats >= 0) & (nats <= 1)).all())
    for after, before in zip((errors, nats), clean, strict=True):
        assert torch.equal(after[[0, 1, 4]], before[[0, 1, 4]])


def test_losses_of_a_language_model(tiny: Landscape) -> None:
    tokens = sample_of(tiny).batch
    nats = bounded_loss(tiny, "clipped-cross-entropy", clip=1000.0)
    values = nats(tiny.initial, tokens)
    assert values.shape == (12,)
    assert 1000 * float(values.mean()) == pytest.approx(tiny.loss(tiny.initial), rel=1e-12)
    errors = bounded_loss(tiny, "token-error")
    assert (errors.scale, errors.uniform) == (1.0, pytest.approx(6 / 7))
    counts = errors(tiny.initial, tokens) * 7
    assert torch.allclose(counts, counts.round())


def test_the_uniform_predictor(tiny: Landscape) -> None:
    tokens = sample_of(tiny).batch
    uniform = torch.zeros(*tokens.shape, 7, dtype=F64)
    for clip, expected in ((None, 0.5), (1.0, 1.0), (4.0, math.log(7) / 4)):
        loss = bounded_loss(tiny, "clipped-cross-entropy", clip=clip)
        assert loss.uniform == pytest.approx(expected, rel=1e-14)
        assert float(clipped_cross_entropies(uniform, tokens, loss.scale).mean()) == pytest.approx(expected, rel=1e-12)


def test_a_loss_of_one_s_own_is_rescaled(linear) -> None:
    loss = module_loss(linear.landscape, lambda out, y: (out.squeeze(-1) - y).square().clamp(max=4), scale=4.0, uniform=1.0)
    x, y = linear.training.batch
    values = loss(linear.landscape.initial, (x, y))
    assert torch.allclose(values, ((x @ linear.weights - y) ** 2).clamp(max=4) / 4)
    assert loss.uniform == 0.25


@pytest.mark.parametrize(
    ("fn", "parts"),
    [
        (lambda out, y: out.squeeze(-1), ("not in [0, 1]",)),
        (lambda out, y: out.squeeze(-1) * math.nan, ("nan", "not in [0, 1]")),
        (lambda out, y: y.mean(), ("shape ()", "(2000,)")),
    ],
)
def test_values_that_are_no_bounded_losses(linear, fn, parts: tuple[str, ...]) -> None:
    with pytest.raises(LandscapeError) as caught:
        module_loss(linear.landscape, fn, name="mine")(linear.landscape.initial, linear.training.batch)
    assert all(part in str(caught.value) for part in ("'mine'", *parts))


def test_requests_that_do_not_fit(tiny: Landscape, linear) -> None:
    for wrong, part in (
        (lambda: bounded_loss(tiny, "token-errors"), "did you mean 'token-error'"),
        (lambda: bounded_loss(tiny, "token-error", clip=3.0), "clip 3"),
        (lambda: bounded_loss(tiny, "clipped-cross-entropy", clip=0.0), "clip 0.0"),
        (lambda: bounded_loss(tiny, "clipped-cross-entropy", clip=math.nan), "clip nan"),
        (lambda: bounded_loss(linear.landscape, "token-error"), "no language model"),
        (lambda: module_loss(tiny, lambda out, y: out), "from_module"),
        (lambda: module_loss(linear.landscape, lambda out, y: out, scale=0.0), "scale 0.0"),
    ):
        with pytest.raises(RequestError) as caught:
            wrong()
        assert part in str(caught.value)
