"""Under what name CloudWatch shows metrics; said in the configuration, and by whoever writes them by hand."""

from __future__ import annotations

import re

# Amazon CloudWatch API reference, PutMetricData: 1 to 255 of these, the first no colon; "AWS/" begins its own.
_NAMESPACE = re.compile(r"(?!:|AWS/)[0-9A-Za-z./_#:-]{1,255}")
# For who wrote another.
NAMESPACE_RULE = "write 1 to 255 letters, digits and ./_#:-, such as 'shop/web', that begin with neither ':' nor 'AWS/'"


def is_namespace(text: str) -> bool:
    """Whether CloudWatch takes `text` for one."""
    return _NAMESPACE.fullmatch(text) is not None
