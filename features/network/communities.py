"""Communities of institutions: those whose patients are largely the same people.

In: how many patients each pair of institutions shares. Out: a community number for each. Method:
local moving and aggregation for modularity, Blondel et al., J. Stat. Mech. (2008) P10008, visiting
institutions in a fixed order. The gain of a move, 2m k_in - k_i sum_tot, is computed in integers,
so that equal gains are equal and the result depends neither on machine nor on threads.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from features.network.claims_seen import Ints

_ROUNDS = 50


def communities(shared: csr_array) -> Ints:
    """Return the community of each node; numbers follow the smallest member.

    Args:
        shared: shape (n, n), symmetric, int64 weights; the diagonal is the weight inside a node.
    """
    graph = csr_array(shared)
    member: Ints = np.arange(graph.shape[0], dtype=np.int64)
    while True:
        label = _local_moving(graph)
        _, label = np.unique(label, return_inverse=True)
        count = int(label.max(initial=-1)) + 1
        member = label[member]
        if count == graph.shape[0]:
            break
        one = np.ones(len(label), dtype=np.int64)
        gather = csr_array((one, (label, np.arange(len(label)))), shape=(count, len(label)))
        graph = csr_array(gather @ graph @ gather.T)
    _, first, inverse = np.unique(member, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def _local_moving(graph: csr_array) -> Ints:
    """Move each node to the neighbouring community of the largest gain until none moves."""
    nodes = graph.shape[0]
    degree = np.asarray(graph.sum(axis=1)).astype(np.int64)
    twice_total = int(degree.sum())
    label: Ints = np.arange(nodes, dtype=np.int64)
    total = degree.copy()
    for _ in range(_ROUNDS):
        moved = False
        for node in range(nodes):
            row = slice(graph.indptr[node], graph.indptr[node + 1])
            other = graph.indices[row] != node
            near, weight = label[graph.indices[row][other]], graph.data[row][other]
            own = int(label[node])
            total[own] -= degree[node]
            choices, place = np.unique(np.append(near, own), return_inverse=True)
            inside = np.zeros(len(choices), dtype=np.int64)
            np.add.at(inside, place[:-1], weight)
            gain = twice_total * inside - degree[node] * total[choices]
            best = int(choices[np.argmax(gain)])
            if gain.max() <= gain[np.searchsorted(choices, own)]:
                best = own
            total[best] += degree[node]
            label[node] = best
            moved |= best != own
        if not moved:
            break
    return label
