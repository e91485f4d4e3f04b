"""What Terraform makes is what the program expects: queues, figures, sizes, names by digest."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from deployments.files import PROJECT

from deployments import terraform as tf
from underwriting.cli import application
from underwriting.integrations.queue import MIN_RECEIVES
from underwriting.process.metrics import METRICS, NAMESPACE
from underwriting.settings import Settings
from underwriting.store.depths import _QUEUES

VARIABLES = tf.blocks("variable")
QUEUES = _QUEUES.keys()
SIZES = {"staging": tf.file("staging.tfvars"), "production": tf.file("production.tfvars")}


def resource(name: str) -> dict[str, object]:
    found: dict[str, object] = tf.blocks("resource")[name]
    return found


def test_the_queue_is_one_that_the_consumer_accepts() -> None:
    queue = resource("aws_sqs_queue.events")
    assert int(str(queue["visibility_timeout_seconds"])) >= 30
    redrive = str(queue["redrive_policy"])
    assert int(re.findall(r"maxReceiveCount = (\d+)", redrive)[0]) >= MIN_RECEIVES
    assert "aws_sqs_queue.events_dead.arn" in redrive


def test_every_queue_has_a_dead_letter_queue_that_raises_an_alarm() -> None:
    assert {name for name in tf.blocks("resource") if name.startswith("aws_sqs_queue.")} == {
        "aws_sqs_queue.events",
        "aws_sqs_queue.events_dead",
    }
    assert "aws_sqs_queue.events_dead.name" in str(resource("aws_cloudwatch_metric_alarm.dead_letters")["dimensions"])


def test_our_own_events_are_not_taken_in_again() -> None:
    assert tf.blocks("locals")["event_source"] == Settings.model_fields["event_source"].default
    assert "anything-but" in str(resource("aws_cloudwatch_event_rule.events")["event_pattern"])


def test_scaling_and_alarms_are_by_queues_and_metrics_that_exist() -> None:
    waiting, alarms = tf.blocks("locals")["waiting"], tf.blocks("locals")["queue_alarms"]
    assert {queue for each in waiting.values() for queue in each["queues"]} <= QUEUES
    assert {each["queue"] for each in alarms.values()} <= QUEUES
    named = {each["metric"] for each in alarms.values()} | set(
        re.findall(r"underwriting\.[a-z.]+", tf.text("scaling.tf") + tf.text("alarms.tf"))
    )
    assert named <= {f"{NAMESPACE}.{metric.name}" for metric in METRICS}


def test_each_service_scales_by_what_waits_for_it() -> None:
    scaled = set(tf.blocks("locals")["waiting"])
    policies = re.findall(r'aws_appautoscaling_target\.this\["(\w+)"\]\.resource_id', tf.text("scaling.tf"))
    assert scaled | set(policies) == {"worker", "housekeeping", "consumer", "api"}
    assert "ApproximateNumberOfMessagesVisible" in tf.text("scaling.tf")


@pytest.mark.parametrize("environment", SIZES)
def test_sizes_are_of_known_variables_and_of_all_services(environment: str) -> None:
    sizes = SIZES[environment]
    assert sizes["environment"] == environment
    assert sizes.keys() <= VARIABLES.keys()
    assert sizes["tasks"].keys() == tf.services().keys() - {"setup"}
    assert all(0 < each["fewest"] <= each["most"] for each in sizes["tasks"].values())


def test_both_environments_say_the_same_things() -> None:
    assert SIZES["staging"].keys() == SIZES["production"].keys()


def test_production_stands_in_two_zones_and_is_kept() -> None:
    production = SIZES["production"]
    assert production["two_zones"] is True
    assert production["keep_on_destroy"] is True
    assert production["backup_days"] == 35
    alone = {name for name, each in production["tasks"].items() if each["fewest"] < 2}
    assert alone == {"prefect-services"}


def test_what_a_lender_has_to_say_is_in_the_example() -> None:
    """Every variable is in the sizes, has a default, or stands in the example of docs/deploying.md."""
    page = (PROJECT / "docs/deploying.md").read_text("utf-8")
    example = page.partition("```hcl\n")[2].partition("```")[0]
    said = set(re.findall(r"^(\w+) +=", example, re.MULTILINE))
    wanted = {name for name, each in VARIABLES.items() if "default" not in each} - SIZES["production"].keys()
    assert said >= wanted
    assert said <= VARIABLES.keys()


@pytest.mark.parametrize("variable", ["image_digest", "cloudwatch_agent_image"])
@pytest.mark.parametrize(("tail", "accepted"), [("@sha256:" + 64 * "a", True), (":latest", False), ("", False)])
def test_an_image_is_named_by_digest(variable: str, tail: str, accepted: bool) -> None:
    (validation,) = VARIABLES[variable]["validation"]
    (pattern,) = re.findall(r'regex\("(.+?)", var', validation["condition"])
    name = tail.removeprefix("@") if variable == "image_digest" else f"public.ecr.aws/agent{tail}"
    assert bool(re.search(pattern, name)) is accepted


def test_every_variable_is_used_and_described() -> None:
    everything = " ".join(map(tf.text, tf.files()))
    assert {name for name in VARIABLES if f"var.{name}" not in everything} == set()
    assert all(each["description"] for each in (*VARIABLES.values(), *tf.blocks("output").values()))


def test_every_reference_is_to_something_that_exists() -> None:
    known = {kind: tf.blocks(kind) for kind in ("variable", "locals", "resource", "data", "ephemeral")}
    for name in tf.files():
        # Without comments.
        text = re.sub(r"(?m)^\s*#.*$", "", (tf.FOLDER / name).read_text("utf-8"))
        assert set(re.findall(r"\bvar\.(\w+)", text)) <= known["variable"].keys(), name
        assert set(re.findall(r"\blocal\.(\w+)", text)) <= known["locals"].keys(), name
        assert set(re.findall(r"\bdata\.(aws_\w+\.\w+)", text)) <= known["data"].keys(), name
        assert set(re.findall(r"\bephemeral\.(\w+\.\w+)", text)) <= known["ephemeral"].keys(), name
        assert set(re.findall(r"(?<![.\w])(aws_\w+\.\w+)\b", text)) <= known["resource"].keys(), name


def test_no_password_enters_the_state() -> None:
    assert resource("aws_db_instance.this").keys() & {"password", "manage_master_user_password"} == set()
    assert "auth_token" not in resource("aws_elasticache_replication_group.this")
    versions = [name for name in tf.blocks("resource") if name.startswith("aws_secretsmanager_secret_version.")]
    assert all("secret_string" not in resource(name) for name in versions)
    assert not [name for name in tf.blocks("resource") if name.startswith("random_")]


def test_an_exception_from_the_policy_has_a_reason() -> None:
    for name in tf.files():
        for line in (tf.FOLDER / name).read_text("utf-8").splitlines():
            if "checkov" in line:
                assert re.fullmatch(r"\s+#checkov:skip=CKV2?_AWS_\d+:.{20,}\.", line), line


def test_the_list_that_is_loaded_every_day_is_the_one_that_an_alarm_watches(tmp_path: Path) -> None:
    """The command of the schedule, with files in place of the address, by the shell that runs it."""
    local = tf.blocks("locals")
    assert resource("aws_cloudwatch_metric_alarm.lists")["dimensions"] == {"list": "ofac", "metric_type": "gauge"}
    assert '"underwriting lists load ofac /tmp"' in tf.text("schedules.tf")
    with pytest.raises(SystemExit, match="0"):
        application("lists")(["lists", "load", "ofac", "--help"])
    published = PROJECT / "tests/screening/data/ofac"
    for name in {*local["list_files"]} & {file.stem for file in published.glob("*.csv")}:
        source, target = (published / f"{name}.csv").as_uri(), tmp_path / f"{name}.csv"
        subprocess.run([sys.executable, "-c", local["fetch"], source, str(target)], check=True)
        assert target.read_bytes() == (published / f"{name}.csv").read_bytes()


def test_tenants_share_what_the_workers_of_terraform_run() -> None:
    limit = Settings.model_fields["worker_limit"].default
    assert tf.blocks("locals")["worker_slots"] == f'${{tostring({limit} * var.tasks["worker"].most)}}'
