# Once a day, what no service does by itself: screening lists are loaded from where they are published. Without a list
# nobody is approved; with an old one, a listed customer may be.
locals {
  list_files = ["sdn", "alt", "add", "sdn_comments"]
  fetch      = "import sys, urllib.request as u; u.urlretrieve(*sys.argv[1:])"

  load_lists = join("; ", concat(
    [for name in local.list_files : "python -c '${local.fetch}' ${var.ofac_address}/${name}.csv /tmp/${name}.csv"],
    ["underwriting lists load ofac /tmp"],
  ))
}

resource "aws_scheduler_schedule" "lists" {
  name                = "${local.name}-lists"
  schedule_expression = "cron(0 7 * * ? *)"
  kms_key_arn         = aws_kms_key.this["data"].arn

  flexible_time_window {
    mode = "OFF"
  }

  # The set-up's task, with other arguments for its shell.
  target {
    arn      = aws_ecs_cluster.this.arn
    role_arn = aws_iam_role.schedule.arn
    input    = jsonencode({ containerOverrides = [{ name = "setup", command = ["-ec", local.load_lists] }] })

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.this["setup"].arn_without_revision
      launch_type         = "FARGATE"

      network_configuration {
        subnets         = [for subnet in aws_subnet.private : subnet.id]
        security_groups = [aws_security_group.services.id]
      }
    }

    retry_policy {
      maximum_retry_attempts = 10
    }
  }
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "schedule" {
  name               = "${local.name}-schedule"
  assume_role_policy = data.aws_iam_policy_document.scheduler.json
}

# Run the set-up's task, in its roles, and nothing else.
data "aws_iam_policy_document" "schedule" {
  statement {
    actions   = ["ecs:RunTask"]
    resources = ["${aws_ecs_task_definition.this["setup"].arn_without_revision}:*", aws_ecs_task_definition.this["setup"].arn_without_revision]
  }

  statement {
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task["setup"].arn, aws_iam_role.execution["setup"].arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  statement {
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this["data"].arn]
  }
}

resource "aws_iam_role_policy" "schedule" {
  name   = "run"
  role   = aws_iam_role.schedule.id
  policy = data.aws_iam_policy_document.schedule.json
}
