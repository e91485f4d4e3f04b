"""Queues for the consumer that is started beside the other services."""

from support.aws import account, aws_url, moto_url, queues

__all__ = ["account", "aws_url", "moto_url", "queues"]
