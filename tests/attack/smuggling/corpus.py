"""All cases of requests, by name."""

from __future__ import annotations

from attack.smuggling import chunks, framing, heads, routes

CASES = {case.name: case for case in (*framing.CASES, *chunks.CASES, *heads.CASES, *routes.CASES)}
