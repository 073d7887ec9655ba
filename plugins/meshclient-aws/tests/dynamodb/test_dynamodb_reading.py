"""One reader of a stream against answers that a healthy stream never gives, from a script instead of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from meshclient_aws.dynamodb.change import Change
from meshclient_aws.dynamodb.stream import Round, Stream, StreamOff
from meshclient_aws.errors import AwsError, AwsThrottled

TABLE = {"Table": {"StreamSpecification": {"StreamEnabled": True}, "LatestStreamArn": "arn:1"}}
Answer = Mapping[str, Any] | Exception


def described(*shards: tuple[str, str, bool], status: str = "ENABLED", last: str = "") -> dict[str, Any]:
    rows = [
        {
            "ShardId": name,
            "SequenceNumberRange": {"StartingSequenceNumber": "1"} | ({"EndingSequenceNumber": "9"} if closed else {}),
        }
        | ({"ParentShardId": parent} if parent else {})
        for name, parent, closed in shards
    ]
    return {
        "StreamDescription": {"StreamStatus": status, "Shards": rows} | ({"LastEvaluatedShardId": last} if last else {})
    }


def records(*names: str, following: str | None = "next") -> dict[str, Any]:
    rows = [
        {"dynamodb": {"Keys": {"service": {"S": "web"}, "instance": {"S": name}}, "SequenceNumber": f"{number}"}}
        for number, name in enumerate(names, 10)
    ]
    return {"Records": rows} | ({"NextShardIterator": following} if following else {})


class Script:
    """Answers each operation with the next of its lines, and with the last one from then on."""

    def __init__(self, **lines: list[Answer]) -> None:
        usual: dict[str, list[Answer]] = {"describe_table": [TABLE], "get_shard_iterator": [{"ShardIterator": "first"}]}
        self.lines = usual | lines
        self.asked: list[tuple[str, dict[str, object]]] = []

    async def call(self, operation: str, about: str, **parameters: object) -> Mapping[str, object]:
        self.asked.append((operation, parameters))
        line = self.lines[operation]
        answer = line.pop(0) if len(line) > 1 else line[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def named(self, operation: str) -> list[dict[str, object]]:
        return [parameters for name, parameters in self.asked if name == operation]


class Reader:
    def __init__(self, **lines: list[Answer]) -> None:
        self.script = Script(**lines)
        self.now = 0.0
        self.stream = Stream("registry", self.script, self.script, lambda: self.now)

    def rounds(self, count: int) -> list[Round | AwsError]:
        async def read() -> list[Round | AwsError]:
            seen: list[Round | AwsError] = []
            for _ in range(count):
                try:
                    seen.append(await self.stream.read())
                except AwsError as exc:
                    seen.append(exc)
            return seen

        return asyncio.run(read())


OPEN = described(("a", "", False))
CHANGE = Change("web", "x")


def refusal(code: str) -> AwsError:
    return AwsError(f"failed ({code})", code)


def test_all_pages_of_the_description_are_read() -> None:
    pages: list[Answer] = [described(("a", "", True), last="a"), described(("b", "a", False))]
    reader = Reader(describe_stream=pages, get_records=[records("x")])
    assert reader.rounds(2) == [Round((CHANGE,), relist=True), Round((CHANGE,))]
    assert [each.get("ExclusiveStartShardId") for each in reader.script.named("describe_stream")] == [None, "a"]
    assert [each["ShardId"] for each in reader.script.named("get_shard_iterator")] == ["b"]


def test_pages_that_go_round_in_a_circle_are_an_error() -> None:
    reader = Reader(describe_stream=[described(("a", "", False), last="a")])
    (found,) = reader.rounds(1)
    assert "malformed" in str(found)


@pytest.mark.parametrize(
    "lines",
    [
        {"describe_table": [{}]},
        {"describe_stream": [{}]},
        {"describe_stream": [{"StreamDescription": {}}]},
        {"describe_stream": [OPEN], "get_shard_iterator": [{}]},
        {"describe_stream": [OPEN], "get_records": [{}]},
        {"describe_stream": [OPEN], "get_records": [{"Records": [1], "NextShardIterator": "next"}]},
    ],
)
def test_an_answer_of_something_else_is_a_failure_and_no_end(lines: dict[str, list[Answer]]) -> None:
    reader = Reader(**lines)
    for found in reader.rounds(2):
        failure = found.failure if isinstance(found, Round) else found
        assert "malformed" in str(failure)
        assert "table 'registry'" in str(failure)
        assert not (isinstance(found, Round) and found.relist)


def test_nothing_is_called_complete_before_every_shard_has_its_iterator() -> None:
    two = described(("a", "", False), ("b", "", False))
    iterators: list[Answer] = [{"ShardIterator": "a"}, AwsThrottled("later"), {"ShardIterator": "b"}]
    reader = Reader(
        describe_stream=[two], get_shard_iterator=iterators, get_records=[records("x"), records(), records()]
    )
    first, second, third = reader.rounds(3)
    assert isinstance(first, Round)
    assert (first.changes, first.relist, str(first.failure)) == ((CHANGE,), False, "later")
    assert second == Round(relist=True)
    assert third == Round()


@pytest.mark.parametrize(
    ("code", "pages", "kinds", "relists"),
    [
        # The position is known: nothing is lost.
        ("ExpiredIteratorException", [records("x")], ["LATEST", "AFTER_SEQUENCE_NUMBER"], [True, False]),
        # It began at the end and has seen nothing: what came since is in the table alone.
        ("ExpiredIteratorException", [records()], ["LATEST", "LATEST"], [True, True]),
        ("TrimmedDataAccessException", [records("x")], ["LATEST", "TRIM_HORIZON"], [True, True]),
    ],
)
def test_a_lost_position_is_taken_up_again(
    code: str, pages: list[Answer], kinds: list[str], relists: list[bool]
) -> None:
    reader = Reader(describe_stream=[OPEN], get_records=[*pages, refusal(code), records()])
    rounds = reader.rounds(2)
    assert [isinstance(each, Round) and each.relist for each in rounds] == relists
    asked = reader.script.named("get_shard_iterator")
    assert [each["ShardIteratorType"] for each in asked] == kinds
    assert [each.get("SequenceNumber") for each in asked] == [None, "10" if "AFTER" in kinds[1] else None]


def test_what_one_shard_stumbles_over_leaves_the_others_heard() -> None:
    two = described(("a", "", False), ("b", "", False))
    reader = Reader(describe_stream=[two], get_records=[AttributeError("no attribute 'items'"), records("x")])
    first, second = reader.rounds(2)
    assert isinstance(first, Round)
    assert first.changes == (CHANGE,)
    assert "malformed" in str(first.failure)
    assert second == Round((CHANGE, CHANGE), relist=True)


def test_an_ended_shard_leads_to_its_children() -> None:
    descriptions: list[Answer] = [OPEN, described(("a", "", True), ("b", "a", False), ("c", "a", False))]
    reader = Reader(
        describe_stream=descriptions, get_records=[records("x", following=None), records("y"), records("z")]
    )
    assert reader.rounds(2) == [
        Round((CHANGE,), relist=True),
        Round((Change("web", "y"), Change("web", "z"))),
    ]
    kinds = [(each["ShardId"], each["ShardIteratorType"]) for each in reader.script.named("get_shard_iterator")]
    assert kinds == [("a", "LATEST"), ("b", "TRIM_HORIZON"), ("c", "TRIM_HORIZON")]


def test_children_that_are_listed_late_are_looked_for_soon_and_then_less_often() -> None:
    tree = [("z", "", False), ("a", "", True)]
    late = described(*tree)
    descriptions: list[Answer] = [described(("z", "", False), ("a", "", False)), late, late, late]
    descriptions.append(described(*tree, ("b", "a", False)))
    # By turns of z and a, then of z alone, then of z and b.
    pages: list[Answer] = [records(), records(following=None), *[records()] * 8, records("x")]
    reader = Reader(describe_stream=descriptions, get_records=pages)
    looked = []
    for now in (0.0, 0.0, 0.9, 1.0, 2.9, 3.0, 6.9, 7.0, 8.0, 66.0):
        reader.now = now
        reader.rounds(1)
        looked.append(len(reader.script.named("describe_stream")))
    assert looked == [1, 2, 2, 3, 3, 4, 4, 5, 5, 5]
    kinds = {str(each["ShardId"]): each["ShardIteratorType"] for each in reader.script.named("get_shard_iterator")}
    assert kinds == {"z": "LATEST", "a": "LATEST", "b": "TRIM_HORIZON"}


def test_while_no_shard_is_open_the_tree_is_looked_at_once_a_second() -> None:
    reader = Reader(describe_stream=[described(("a", "", True))])
    reader.rounds(3)
    assert len(reader.script.named("describe_stream")) == 1
    reader.now = 1.0
    reader.rounds(1)
    assert len(reader.script.named("describe_stream")) == 2


def test_a_tree_that_is_open_is_looked_at_once_a_minute() -> None:
    reader = Reader(describe_stream=[OPEN], get_records=[records()])
    reader.rounds(2)
    reader.now = 59.0
    reader.rounds(2)
    assert len(reader.script.named("describe_stream")) == 1
    reader.now = 60.0
    reader.rounds(2)
    assert len(reader.script.named("describe_stream")) == 2


@pytest.mark.parametrize("where", ["describe_stream", "get_shard_iterator", "get_records"])
def test_a_stream_that_is_gone_is_looked_for_again(where: str) -> None:
    gone = refusal("ResourceNotFoundException")
    lines: dict[str, list[Answer]] = {"describe_stream": [OPEN], "get_records": [records()]}
    lines["get_shard_iterator"] = [{"ShardIterator": "first"}]
    lines[where] = [gone, *lines[where]]
    later = {"Table": {"StreamSpecification": {"StreamEnabled": True}, "LatestStreamArn": "arn:2"}}
    reader = Reader(describe_table=[TABLE, later], **lines)
    first, second = reader.rounds(2)
    assert (first.failure if isinstance(first, Round) else first) is gone
    assert second == Round(relist=True)
    assert reader.script.named("describe_stream")[-1]["StreamArn"] == "arn:2"


@pytest.mark.parametrize("table", [{}, {"StreamSpecification": {"StreamEnabled": False}, "LatestStreamArn": "arn:1"}])
def test_a_table_without_a_stream_says_so(table: dict[str, object]) -> None:
    (found,) = Reader(describe_table=[{"Table": table}]).rounds(1)
    assert isinstance(found, StreamOff)
    assert "`meshclient aws dynamodb-table registry` enables it" in str(found)


def test_a_disabled_stream_is_read_to_its_end_first() -> None:
    descriptions: list[Answer] = [OPEN, described(("a", "", True), ("b", "a", True), status="DISABLED")]
    pages: list[Answer] = [records("x", following=None), records("y", following=None)]
    reader = Reader(describe_stream=descriptions, get_records=pages)
    first, second, third = reader.rounds(3)
    assert first == Round((CHANGE,), relist=True)
    assert second == Round((Change("web", "y"),))
    assert isinstance(third, StreamOff)


def test_a_record_without_a_number_is_passed_over_for_the_position() -> None:
    page = records("x")
    page["Records"].append({"dynamodb": {}})
    reader = Reader(describe_stream=[OPEN], get_records=[page, refusal("ExpiredIteratorException"), records()])
    first, _ = reader.rounds(2)
    assert first == Round((CHANGE, None), relist=True)
    assert reader.script.named("get_shard_iterator")[1]["SequenceNumber"] == "10"
