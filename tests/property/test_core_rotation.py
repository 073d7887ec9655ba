"""The rotation against the rule written out a second time."""

from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.node import Node
from meshclient.core.balance.rotation import rotate
from meshclient.model.endpoint import Health
from unit.core.fleet import endpoint, expected_rotation

members = st.tuples(st.integers(0, 2), st.sampled_from(Health), st.booleans())
thresholds = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])


@given(st.lists(members, max_size=12), thresholds)
def test_it_is_the_rule(listed: list[tuple[int, Health, bool]], threshold: float) -> None:
    nodes = []
    for number, (priority, health, ejected) in enumerate(listed):
        node = Node(endpoint(number, priority=priority, health=health), 0.01, 0)
        node.standing.until = 1.0 if ejected else None
        nodes.append(node)
    rotation = rotate(nodes, threshold)
    out = {node.endpoint.key for node in nodes if node.standing.ejected}
    keys, panic, sound = expected_rotation([node.endpoint for node in nodes], out, threshold)
    assert {node.endpoint.key for node in rotation.nodes} == keys
    assert len(rotation.nodes) == len(keys)
    assert rotation.panic is panic
    assert rotation.sound == tuple(sorted(sound))
    assert all(rotation.relieved(priority) is any(other > priority for other in sound) for priority in range(-1, 4))
    # Somebody takes part while somebody does not drain; nobody who drains ever does.
    assert bool(rotation.nodes) is any(node.endpoint.health is not Health.DRAINING for node in nodes)
    assert all(node.endpoint.health is not Health.DRAINING for node in rotation.nodes)
