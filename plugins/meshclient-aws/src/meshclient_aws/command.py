"""``meshclient aws``: what this distribution adds to the command line."""

from __future__ import annotations

import click

from meshclient_aws.dynamodb.command import dynamodb_table


@click.group()
def aws() -> None:
    """Prepare AWS for meshclient."""


aws.add_command(dynamodb_table)
