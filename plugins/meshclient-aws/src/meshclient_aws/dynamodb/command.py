"""``meshclient aws dynamodb-table``: the table of a ``dynamodb://`` registry, created or printed."""

from __future__ import annotations

import asyncio

import click

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import MeshError
from meshclient_aws.dynamodb.options import table_name
from meshclient_aws.dynamodb.table import Table, cloudformation
from meshclient_aws.options import AwsOptions


@click.command("dynamodb-table")
@click.argument("name")
@click.option(
    "--print",
    "language",
    type=click.Choice(["cloudformation"]),
    help="Print the table's definition in this language instead of creating it.",
)
@click.option("--region", default="", help="AWS region; what the AWS configuration says, unless given.")
@click.option("--endpoint-url", default="", help="Address to use instead of AWS's own.")
@click.option("--profile", default="", help="Profile of the AWS configuration.")
def dynamodb_table(name: str, language: str | None, region: str, endpoint_url: str, profile: str) -> None:
    """Create the table NAME for dynamodb://NAME, or add the stream and TTL that it lacks.

    Waits until the table is active. Does nothing where all is as it should be.
    """
    try:
        table_name(name, "the argument NAME")
        if language:
            click.echo(cloudformation(name), nl=False)
            return
        given = {"region": region, "endpoint_url": endpoint_url, "profile": profile}
        options = AwsOptions.parse(ResolverUri("dynamodb", name, options={k: v for k, v in given.items() if v}))
        done = asyncio.run(Table(name, options).ensure())
    except MeshError as exc:
        raise click.ClickException(str(exc)) from None
    click.echo(", ".join(done) if done else f"table '{name}' is as it should be")
