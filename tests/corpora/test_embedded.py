from __future__ import annotations

import math
import re

import numpy as np
import pytest

from villani_verify.corpora.embedded import END, GRAMMAR, START, TICKETS, embedded_entropy_rate, embedded_text
from villani_verify.errors import RequestError


def walk(sentence: str) -> list[tuple[str, int]]:
    """Parse one sentence, separator included, into (state, index of the choice)."""
    state, place, steps = START, 0, []
    while state != END:
        matches = [i for i, c in enumerate(GRAMMAR[state]) if sentence.startswith(c.text, place)]
        assert len(matches) == 1, (sentence, place, state, matches)
        steps.append((state, matches[0]))
        choice = GRAMMAR[state][matches[0]]
        place += len(choice.text)
        state = choice.state
    assert place == len(sentence)
    return steps


def sentences(text: str) -> list[str]:
    return re.findall(r"[^.]+\.[ \n]", text)


def byte_chain_entropy_rate() -> float:
    """The naive reference: the stationary Markov chain of bytes over the nodes of one prefix tree a state."""
    nodes = [(state, c.text[:k]) for state in GRAMMAR for c in GRAMMAR[state] for k in range(len(c.text))]
    nodes = list(dict.fromkeys(nodes))
    matrix, entropies = np.zeros((len(nodes), len(nodes))), np.zeros(len(nodes))
    for row, (state, prefix) in enumerate(nodes):
        tickets: dict[str, int] = {}
        target: dict[str, tuple[str, str]] = {}
        for c in GRAMMAR[state]:
            if c.text.startswith(prefix) and c.text != prefix:
                byte = c.text[len(prefix)]
                tickets[byte] = tickets.get(byte, 0) + c.tickets
                whole = len(c.text) == len(prefix) + 1
                target[byte] = (START if c.state == END else c.state, "") if whole else (state, prefix + byte)
        total = sum(tickets.values())
        for byte, share in tickets.items():
            matrix[row, nodes.index(target[byte])] += share / total
            entropies[row] -= share / total * math.log(share / total)
    # π(P − I) = 0 with Σ π = 1; the chain is irreducible, so this has one solution.
    system = np.vstack([matrix.T - np.eye(len(nodes)), np.ones(len(nodes))])
    stationary = np.linalg.lstsq(system, np.append(np.zeros(len(nodes)), 1.0), rcond=None)[0]
    assert np.abs(system[:-1] @ stationary).max() < 1e-12
    return float(stationary @ entropies)


def test_every_state_has_64_tickets_and_leads_somewhere() -> None:
    for state, choices in GRAMMAR.items():
        assert sum(c.tickets for c in choices) == TICKETS, state
        assert all(c.tickets > 0 and (c.state in GRAMMAR or c.state == END) for c in choices), state


def test_no_continuation_is_the_beginning_of_another() -> None:
    for state, choices in GRAMMAR.items():
        texts = [c.text for c in choices]
        assert not [(a, b) for i, a in enumerate(texts) for j, b in enumerate(texts) if i != j and b.startswith(a)], state


def test_every_state_has_two_different_continuations() -> None:
    assert min(len({c.text for c in choices}) for choices in GRAMMAR.values()) >= 2


def test_entropy_rate_against_the_chain_of_bytes() -> None:
    assert embedded_entropy_rate() == pytest.approx(byte_chain_entropy_rate(), rel=1e-10)


def test_entropy_rate_by_simulation() -> None:
    text = embedded_text(20_000, seed=11)
    nats, sizes = [], []
    for sentence in sentences(text):
        nats.append(-sum(math.log(GRAMMAR[s][i].tickets / TICKETS) for s, i in walk(sentence)))
        sizes.append(len(sentence))
    assert sum(sizes) == len(text)
    rate = sum(nats) / sum(sizes)
    # Ratio of means of independent sentences (delta method); one check at 4 standard errors, wrong by chance 6e-5.
    residual = np.array(nats) - embedded_entropy_rate() * np.array(sizes)
    error = residual.std(ddof=1) / math.sqrt(len(nats)) / np.mean(sizes)
    assert error < 0.001
    assert abs(rate - embedded_entropy_rate()) < 4 * error


def test_continuations_are_as_frequent_as_the_grammar_says() -> None:
    counts: dict[str, np.ndarray] = {state: np.zeros(len(choices)) for state, choices in GRAMMAR.items()}
    for sentence in sentences(embedded_text(20_000, seed=5)):
        for state, index in walk(sentence):
            counts[state][index] += 1
    # About 150 binomial checks at 5 standard errors: wrong by chance with probability below 1e-4.
    for state, choices in GRAMMAR.items():
        total = counts[state].sum()
        assert total > 1000, state
        for choice, seen in zip(choices, counts[state], strict=True):
            p = choice.tickets / TICKETS
            assert abs(seen - total * p) < 5 * math.sqrt(total * p * (1 - p)) + 1, (state, choice, seen / total)


def test_no_other_characters_and_one_separator_a_sentence() -> None:
    text = embedded_text(500, seed=3)
    assert re.fullmatch(r"([a-z]+( [a-z]+)*\.[ \n]){500}", text)
    assert "\n" in text


def test_same_seed_same_bytes_on_every_machine() -> None:
    assert embedded_text(2, seed=0) == "a horse followed the small bird. one queen laughed.\n"
    assert embedded_text(100, seed=7).startswith(embedded_text(40, seed=7))
    assert embedded_text(100, seed=7) != embedded_text(100, seed=8)
    assert embedded_text(5, seed=-1) == embedded_text(5, seed=2**64 - 1)
    assert len({embedded_text(5, seed=seed) for seed in (-1, -2, 0, 1, 2**63, 2**63 + 1)}) == 6


def test_number_of_sentences_is_checked() -> None:
    with pytest.raises(RequestError, match=r"^number of embedded sentences: 0 is not at least 1; give a positive integer$"):
        embedded_text(0, seed=0)
