"""What is said to an Envoy on its stream."""

from __future__ import annotations

from meshclient.sidecar.envoy.ads.conversation import Answer, Conversation, Request
from meshclient.sidecar.envoy.resources import Resources
from meshclient.sidecar.envoy.vocabulary import ASSIGNMENT, CLUSTER, LISTENER, ROUTES


def state(clusters: str = "", endpoints: str = "", listener: str = "", routes: str = "") -> Resources:
    """`clusters="a1 b1"`: clusters a and b, whose texts are those."""

    def named(texts: str) -> dict[str, str]:
        return {text[0]: text for text in texts.split()}

    return Resources(named(listener), named(routes), named(clusters), named(endpoints))


def acknowledge(talk: Conversation, answer: Answer, *names: str) -> None:
    talk.hear(Request(answer.kind, answer.version, answer.nonce, names))


def short(answers: list[Answer]) -> list[tuple[str, list[str]]]:
    kinds = {CLUSTER: "cds", ASSIGNMENT: "eds", LISTENER: "lds", ROUTES: "rds"}
    return [(kinds[answer.kind], list(answer.texts.values())) for answer in answers]


def begun(resources: Resources) -> Conversation:
    """One in which all of the first state was taken."""
    talk = Conversation()
    for kind, names in ((CLUSTER, ()), (ASSIGNMENT, ("a", "b")), (LISTENER, ()), (ROUTES, ("r",))):
        talk.hear(Request(kind, names=names))
        for answer in talk.say(resources):
            acknowledge(talk, answer, *names)
    assert talk.say(resources) == []
    return talk


FIRST = state("a1 b1", "a1 b1", "l1", "r1")


def test_it_says_what_was_asked_for_and_says_it_once() -> None:
    talk = Conversation()
    assert talk.say(FIRST) == []
    talk.hear(Request(CLUSTER))
    assert short(talk.say(FIRST)) == [("cds", ["a1", "b1"])]
    assert talk.say(FIRST) == []
    talk.hear(Request(ASSIGNMENT, names=("b",)))
    assert short(talk.say(FIRST)) == [("eds", ["b1"])]


def test_an_empty_kind_is_an_answer_too() -> None:
    talk = Conversation()
    talk.hear(Request(CLUSTER))
    assert short(talk.say(state())) == [("cds", [])]
    assert talk.say(state()) == []


def test_endpoints_that_changed_are_sent_alone() -> None:
    talk = begun(FIRST)
    assert short(talk.say(state("a1 b1", "a1 b2", "l1", "r1"))) == [("eds", ["b2"])]


def test_a_cluster_that_changed_gets_its_endpoints_again_and_all_clusters_are_named() -> None:
    talk = begun(FIRST)
    assert short(talk.say(state("a1 b2", "a1 b1", "l1", "r1"))) == [("cds", ["a1", "b2"]), ("eds", ["b1"])]


def test_a_cluster_that_is_gone_is_left_out() -> None:
    talk = begun(FIRST)
    assert short(talk.say(state("a1", "a1", "l1", "r1")))[0] == ("cds", ["a1"])


def test_a_listener_that_changed_gets_its_routes_again() -> None:
    talk = begun(FIRST)
    assert short(talk.say(state("a1 b1", "a1 b1", "l2", "r1"))) == [("lds", ["l2"]), ("rds", ["r1"])]


def test_what_was_refused_is_known_and_not_said_again() -> None:
    talk = begun(FIRST)
    (answer,) = talk.say(state("a1 b1", "a1 b9", "l1", "r1"))
    talk.hear(Request(ASSIGNMENT, "old", answer.nonce, ("a", "b"), "no such port"))
    assert talk.refused == {ASSIGNMENT: "no such port"}
    assert talk.taken[ASSIGNMENT] == "old"
    assert talk.say(state("a1 b1", "a1 b9", "l1", "r1")) == []
    (better,) = talk.say(state("a1 b1", "a1 b2", "l1", "r1"))
    acknowledge(talk, better, "a", "b")
    assert talk.refused == {}
    assert talk.taken[ASSIGNMENT] == better.version


def test_an_old_nonce_says_nothing_of_what_came_after() -> None:
    talk = begun(FIRST)
    (first,) = talk.say(state("a1 b1", "a1 b2", "l1", "r1"))
    (second,) = talk.say(state("a1 b1", "a1 b3", "l1", "r1"))
    talk.hear(Request(ASSIGNMENT, "old", first.nonce, ("a", "b"), "wrong"))
    assert talk.refused == {}
    acknowledge(talk, second, "a", "b")
    assert talk.taken[ASSIGNMENT] == second.version


def test_names_come_and_go() -> None:
    talk = begun(state("a1 b1 c1", "a1 b1 c1", "l1", "r1"))
    resources = state("a1 b1 c1", "a1 b1 c1", "l1", "r1")
    talk.hear(Request(ASSIGNMENT, names=("a", "b", "c")))
    assert short(talk.say(resources)) == [("eds", ["c1"])]
    talk.hear(Request(ASSIGNMENT, names=("a",)))
    assert talk.say(resources) == []
    # It gave b up, and has forgotten it.
    talk.hear(Request(ASSIGNMENT, names=("a", "b")))
    assert short(talk.say(resources)) == [("eds", ["b1"])]


def test_what_does_not_exist_yet_is_sent_when_it_does() -> None:
    talk = begun(FIRST)
    talk.hear(Request(ASSIGNMENT, names=("a", "b", "c")))
    assert short(talk.say(FIRST)) in ([], [("eds", [])])
    later = state("a1 b1", "a1 b1 c1", "l1", "r1")
    assert short(talk.say(later)) == [("eds", ["c1"])]


def test_kinds_that_are_not_served_are_left_alone() -> None:
    talk = begun(FIRST)
    talk.hear(Request("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", names=("x",)))
    assert talk.say(FIRST) == []


def test_versions_are_of_the_content() -> None:
    one, other = Conversation(), Conversation()
    for talk in (one, other):
        talk.hear(Request(CLUSTER))
    (first,), (second,) = one.say(FIRST), other.say(FIRST)
    assert first.version == second.version
    (third,) = [answer for answer in one.say(state("a2 b1", "a1 b1", "l1", "r1")) if answer.kind == CLUSTER]
    assert third.version != first.version
    assert third.nonce != first.nonce
