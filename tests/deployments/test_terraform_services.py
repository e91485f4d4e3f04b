"""What Terraform gives to each service is what its code reads: settings, secrets, permissions."""

import re
from itertools import chain

import boto3
import prefect.settings
import pytest
from deployments.needs import NOT_NEEDED
from support.reach import NOT_IN_PRODUCTION, aws_calls, entry_points, modules, reached, settings_read

from deployments import files
from deployments import terraform as tf
from underwriting.local.environment import PREFECT_SERVER
from underwriting.settings import Settings

PREFIX = "UNDERWRITING_"
OURS = sorted(entry_points())
# What the compose file gives and Terraform does not, by service.
LEFT_OUT = {
    "jwks_file": "the address where the identity provider publishes its keys is given instead",
    "segment_write_key": "off, as in the example",
    "traces_url": "off, as in the example",
    "transactions_format": "the default, as in the example",
    "statsd_host": "the agent is beside the housekeeping, which reports the queues",
}
ONLY_HERE = {"jwks_url"}
# Which module makes a service need a call, and the setting without which it is not made.
CALLS = {
    ("events", "put_events"): ("tasks.deliver", "event_bus"),
    ("kinesis", "put_records"): ("tasks.stream_audit", "audit_stream"),
    ("s3", "get_object"): ("tasks.bank_statements", "statements_url"),
    ("sqs", "receive_message"): ("underwriting.consumer", "events_queue_url"),
    ("sqs", "delete_message_batch"): ("underwriting.consumer", "events_queue_url"),
    ("sqs", "get_queue_attributes"): ("underwriting.consumer", "events_queue_url"),
    # Secrets are variables of the containers: no setting refers to Secrets Manager.
    ("secretsmanager", "get_secret_value"): ("underwriting.settings", "settings_secret"),
}
# The history of the nightly limit run is read by Arrow, not by boto3.
OF_HISTORY = {"s3:ListBucket", "s3:GetObject"}


def given(service: str) -> set[str]:
    """The settings that a service is given, secret or not."""
    names = chain(tf.environment(service), tf.secrets(service))
    return {name.removeprefix(PREFIX).lower() for name in names if name.startswith(PREFIX)}


def test_all_services_are_known() -> None:
    assert tf.services().keys() == {*OURS, "prefect-server", "prefect-services"}
    assert tf.blocks("locals")["permissions"].keys() == tf.services().keys()


@pytest.mark.parametrize("service", OURS)
def test_a_service_is_given_what_it_reads_and_nothing_else(service: str) -> None:
    read = settings_read(service)
    assert given(service) - read == set()
    somewhere = set(chain(*map(given, OURS)))
    missing = (read & somewhere) - given(service) - NOT_NEEDED.get(service, set()) - LEFT_OUT.keys()
    assert missing == set()


@pytest.mark.parametrize("service", OURS)
def test_a_service_is_given_what_the_compose_file_gives_it(service: str) -> None:
    there = {name.removeprefix(PREFIX).lower() for name in files.environment(service) if name.startswith(PREFIX)}
    assert there - given(service) - LEFT_OUT.keys() == set()
    assert given(service) - there <= ONLY_HERE


@pytest.mark.parametrize("service", ["prefect-server", "prefect-services", "worker"])
def test_every_other_variable_is_prefects(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name for name in (*tf.environment(service), *tf.secrets(service)) if not name.startswith(PREFIX)}
    for name in names:
        monkeypatch.setenv(name, str(tf.environment(service).get(name, "postgresql+asyncpg://u:p@h/d")))
    known = set(prefect.settings.Settings().to_environment_variables(exclude_unset=True, include_secrets=True))
    # Read by the SDK, by the configuration of logging and by prefect-redis.
    others = {"DO_NOT_TRACK", "PREFECT_LOGGING_FORMATTERS_STANDARD_DATEFMT", "PREFECT_REDIS_MESSAGING_URL"}
    assert names - known <= others


def test_the_prefect_servers_are_set_as_the_embedded_one_and_share_redis() -> None:
    server = tf.environment("prefect-server")
    redis = {name: value for name, value in server.items() if value.startswith("prefect_redis.")}
    assert {name: server[name] for name in PREFECT_SERVER.keys() - redis.keys()} == {
        name: value for name, value in PREFECT_SERVER.items() if name not in redis
    }
    assert set(redis.values()) == {"prefect_redis.messaging", "prefect_redis.ordering", "prefect_redis.lease_storage"}
    assert {"--no-services"} <= set(tf.services()["prefect-server"]["command"])
    assert server["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] == "false"
    assert "prefect server database upgrade --yes" in tf.services()["prefect-services"]["command"][-1]


def test_each_secret_is_read_by_the_services_that_are_given_it_and_by_no_other() -> None:
    secret_of = tf.blocks("locals")["secret_of"]
    assert {name for service in tf.services() for name in tf.secrets(service)} == secret_of.keys()
    holders = {
        "UNDERWRITING_DATABASE_URL": set(OURS),
        "UNDERWRITING_ENCRYPTION_KEYS": set(OURS),
        "PREFECT_API_AUTH_STRING": set(OURS),
        "UNDERWRITING_PARTNERS": {"api", "worker", "housekeeping"},
        "UNDERWRITING_SOURCE_TOKENS": {"api", "worker"},
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": {"prefect-server", "prefect-services"},
        "PREFECT_SERVER_API_AUTH_STRING": {"prefect-server", "prefect-services"},
        "PREFECT_REDIS_MESSAGING_URL": {"prefect-server", "prefect-services"},
    }
    assert {name: {s for s in tf.services() if name in tf.secrets(s)} for name in secret_of} == holders
    # Its own execution role reads them, by the same list that the containers are given; no task role does.
    role = tf.blocks("data")["aws_iam_policy_document.execution"]["statement"][0]
    assert role["actions"] == ["secretsmanager:GetSecretValue"]
    of_list = "aws_secretsmanager_secret.this[local.secret_of[name]].arn"
    assert re.sub(r"\s", "", role["resources"]) == f"${{[fornameineach.value.secrets:{of_list}]}}"
    given_by = f"for name in each.value.secrets : {{ name = name, valueFrom = {of_list} }}"
    assert given_by in tf.text("tasks.tf")
    assert "execution_role_arn = aws_iam_role.execution[each.key].arn" in tf.text("tasks.tf")
    assert [name for name in tf.files() if "secretsmanager:" in tf.text(name)] == ["roles.tf"]
    assert tf.text("roles.tf").count("secretsmanager:") == 1


def test_secrets_are_settings_that_pydantic_hides_or_hold_passwords() -> None:
    hidden = {name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
    plain = {name for service in OURS for name in tf.environment(service) if name.startswith(PREFIX)}
    assert {name.removeprefix(PREFIX).lower() for name in plain} & (hidden | {"database_url", "partners"}) == set()


def test_every_call_to_aws_is_known() -> None:
    ours = [name for name in modules() if not name.startswith(NOT_IN_PRODUCTION)]
    assert set(chain(*map(aws_calls, ours))) == CALLS.keys()


def action(service: str, operation: str) -> str:
    """The permission that a call needs: that of one entry, where it is about many."""
    client = boto3.client(service, region_name="us-east-1")
    name = client.meta.method_to_api_mapping[operation]
    client.close()
    return f"{service}:{name.removesuffix('Batch')}"


@pytest.mark.parametrize("service", tf.services())
def test_a_role_may_do_what_the_code_calls_and_nothing_else(service: str) -> None:
    granted = set(chain(*(each["actions"] for each in tf.blocks("locals")["permissions"][service])))
    called = {
        action(*call)
        for call, (module, setting) in CALLS.items()
        if service in OURS and module in reached(entry_points()[service]) and setting in given(service)
    }
    if "limits_history" in given(service):
        called |= OF_HISTORY
    assert {name for name in granted if not name.startswith("kms:")} == called
    # The key is used where objects under it are read, or records are sealed by the caller.
    decrypts, seals = {"s3:GetObject", "sqs:ReceiveMessage"}, {"kinesis:PutRecords"}
    keys = {"kms:Decrypt"} if called & decrypts else set()
    assert {name for name in granted if name.startswith("kms:")} == keys | (
        {"kms:GenerateDataKey"} if called & seals else set()
    )


def test_no_permission_is_for_everything() -> None:
    for each in chain(*tf.blocks("locals")["permissions"].values()):
        assert not any("*" in name for name in each["actions"])
        assert all(place.startswith("${aws_") or "${aws_s3_bucket" in place for place in each["resources"])


@pytest.mark.parametrize("service", OURS)
def test_a_service_runs_as_in_the_compose_file(service: str) -> None:
    assert tf.services()[service]["command"] == files.services()[service]["entrypoint"]


def test_containers_are_confined() -> None:
    confined = tf.blocks("locals")["confined"]
    assert confined["user"] == "10001:10001"
    assert confined["readonlyRootFilesystem"] is True
    assert confined["linuxParameters"]["capabilities"] == {"drop": ["ALL"], "add": []}
    health = {name: service["health"] for name, service in tf.services().items()}
    assert {name for name, check in health.items() if not check or check == "null"} == {"setup", "prefect-services"}
    assert health["worker"] == health["housekeeping"] == health["consumer"] == "${local.alive}"
    assert ":8402/live" in tf.blocks("locals")["alive"][-1]
    assert {tf.environment(name)[f"{PREFIX}HEALTH_PORT"] for name in ("worker", "housekeeping", "consumer")} == {"8402"}
