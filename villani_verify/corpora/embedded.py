"""English-like text with a known conditional distribution, so that the best reachable loss is known too.

A sentence is a walk through the states of `GRAMMAR`. Each step draws one of 64 equally likely tickets, so
every probability is a whole number of 64ths, the walk needs no floating point, and a seed gives the same
bytes on every machine. Nearly every context has several continuations, as in real text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from villani_verify.errors import RequestError

TICKETS = 64
START, END = "sentence", "end"


@dataclass(frozen=True)
class Choice:
    """One continuation of a state: what is written, how many of the 64 tickets it has, and the next state."""

    text: str
    tickets: int
    state: str


# State → next state → words and their tickets. Every noun and adjective starts with a consonant, so that "a" fits it.
_RULES: dict[str, dict[str, str]] = {
    "clause": {"subject": "the 24 a 14 my 6 every 4 one 4", "person": "she 6 he 6"},
    "subject": {
        "noun": "tall 7 small 6 red 4 quiet 4 young 4 wise 3",
        "person": "king 6 queen 5 doctor 3 farmer 2 child 2",
        "beast": "bird 4 dog 4 horse 2",
        "thing": "river 4 ship 3 garden 1",
    },
    "noun": {
        "person": "woman 12 man 10 king 5 queen 5 sister 4 doctor 3",
        "beast": "fox 6 bird 5 dog 3 horse 1",
        "thing": "tower 5 river 3 ship 2",
    },
    "person": {
        "object": "saw 10 found 8 loved 5 took 5 made 4",
        "after": "laughed 8 waited 5 slept 3",
        "speech": "said 8",
        "place": "lived 8",
    },
    "beast": {"object": "followed 12 saw 7 wanted 5", "after": "slept 14 ran 10", "place": "lived 9 hid 7"},
    "thing": {"after": "shone 14 fell 10 vanished 8", "place": "lay 18 stood 14"},
    "speech": {"clause": "that 30", "person": "he 20 she 14"},
    "object": {"last": "the 28 a 18 some 8 her 5 his 5"},
    "last": {
        "end noun": "small 8 red 5 quiet 4 cold 3 long 3 grey 1",
        "after": "bird 9 stone 7 letter 6 ship 5 dog 5 garden 4 light 4",
    },
    "end noun": {"after": "house 14 bird 10 stone 10 letter 9 dog 7 ship 5 tower 5 garden 4"},
    "place": {"object": "near 18 in 16 under 12 by 10 behind 8"},
    "after": {"stop": ". 40", "clause": "and 9 while 5", "object": "near 5 by 3 in 2"},
}


def _build() -> dict[str, tuple[Choice, ...]]:
    table = {}
    for state, row in _RULES.items():
        choices = []
        for following, listed in row.items():
            fields = listed.split()
            for word, tickets in zip(fields[::2], fields[1::2], strict=True):
                choices.append(Choice(word if word == "." else " " + word, int(tickets), following))
        table[state] = tuple(choices)
    # A sentence starts as any clause does, but without the space before its first word.
    table[START] = tuple(Choice(c.text[1:], c.tickets, c.state) for c in table["clause"])
    table["stop"] = (Choice(" ", 48, END), Choice("\n", 16, END))
    return table


GRAMMAR: Mapping[str, tuple[Choice, ...]] = _build()
"""The conditional distribution: state → its continuations. No continuation of a state is the beginning of another."""


def embedded_text(num_sentences: int, *, seed: int) -> str:
    """Return `num_sentences` independent sentences drawn from `GRAMMAR`.

    Step t of sentence i takes draw i of a Philox generator keyed by (seed, t), so the first n sentences of
    a seed are the same however many are asked for. About 41 bytes a sentence, 1 MB in a quarter of a second.

    Args:
        num_sentences: at least 1.
        seed: any integer; its low 64 bits are used. Different seeds give independent texts.

    Returns:
        Lower-case ASCII letters, spaces, full stops and newlines.

    Raises:
        RequestError: if `num_sentences` is below 1.
    """
    if num_sentences < 1:
        raise RequestError(f"number of embedded sentences: {num_sentences} is not at least 1; give a positive integer")
    numbers = {state: i for i, state in enumerate([*GRAMMAR, END])}
    written, following = _ticket_tables(numbers)
    state = np.full(num_sentences, numbers[START])
    steps: list[np.ndarray] = []
    while (state != numbers[END]).any():
        # As uint64: numpy makes floats of a list with an integer above 2^63, and different seeds the same.
        bits = np.random.Philox(key=np.array([seed & (2**64 - 1), len(steps)], dtype=np.uint64))
        ticket = (np.asarray(bits.random_raw(num_sentences)) % np.uint64(TICKETS)).astype(np.int64)
        steps.append(written[state, ticket])
        state = following[state, ticket]
    return "".join(np.stack(steps, axis=1).ravel().tolist())


def embedded_entropy_rate() -> float:
    """Return the entropy rate of `embedded_text` in nats per byte, which no predictor's mean loss can beat.

    With n_x the expected visits to state x in a sentence, n = e_start + Qᵀ n for the transition matrix Q, the
    rate is

        h = Σ_x n_x H(p_x) / Σ_x n_x E[bytes written in x].

    A sentence's bytes and its walk determine each other, because no continuation of a state is the beginning
    of another; so a sentence has the entropy of its walk, Σ_x n_x H(p_x) by the chain rule. Sentences are
    independent, identically distributed, and marked off by their full stop; so the entropy of N of them over
    their length tends to h (renewal-reward theorem; Cover and Thomas 2006, chapter 4). The best next-byte
    predictor, which knows `GRAMMAR` and everything since the last full stop, has cross-entropy h.

    Returns:
        h in nats per byte (a character here is a byte).
    """
    states = list(GRAMMAR)
    transition = np.zeros((len(states), len(states)))
    entropy, size = np.zeros(len(states)), np.zeros(len(states))
    for x, state in enumerate(states):
        for choice in GRAMMAR[state]:
            p = choice.tickets / TICKETS
            entropy[x] -= p * np.log(p)
            size[x] += p * len(choice.text)
            if choice.state != END:
                transition[x, states.index(choice.state)] += p
    start = np.eye(len(states))[states.index(START)]
    visits = np.linalg.solve(np.eye(len(states)) - transition.T, start)
    return float(visits @ entropy / (visits @ size))


def _ticket_tables(numbers: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return what each (state, ticket) writes and the number of the next state; the end writes nothing and stays."""
    written = np.full((len(numbers), TICKETS), "", dtype=object)
    following = np.full((len(numbers), TICKETS), numbers[END])
    for state, choices in GRAMMAR.items():
        column = 0
        for choice in choices:
            written[numbers[state], column : column + choice.tickets] = choice.text
            following[numbers[state], column : column + choice.tickets] = numbers[choice.state]
            column += choice.tickets
    return written, following
