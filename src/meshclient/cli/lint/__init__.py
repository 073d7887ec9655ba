"""``meshclient lint``: the arithmetic of a configuration, one file for each family of rules."""

from meshclient.cli.lint.command import lint as lint
