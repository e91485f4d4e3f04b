# Two roles for each service. Its execution role starts its containers: it pulls the image, writes the log and reads the
# service's own secrets. Its task role is what its code may do on AWS: the calls that it makes, on the objects they concern.
# A test compares both with the code.
locals {
  permissions = {
    api = []
    worker = [
      { actions = ["events:PutEvents"], resources = [aws_cloudwatch_event_bus.this.arn] },
      # Documents about customers, and the history of the nightly limit run.
      { actions = ["s3:GetObject"], resources = ["${aws_s3_bucket.this["documents"].arn}/*", "${aws_s3_bucket.this["history"].arn}/*"] },
      { actions = ["s3:ListBucket"], resources = [aws_s3_bucket.this["history"].arn] },
      { actions = ["kms:Decrypt"], resources = [aws_kms_key.this["data"].arn] },
    ]
    housekeeping = [
      { actions = ["events:PutEvents"], resources = [aws_cloudwatch_event_bus.this.arn] },
      { actions = ["kinesis:PutRecords"], resources = [aws_kinesis_stream.audit.arn] },
      { actions = ["kms:GenerateDataKey"], resources = [aws_kms_key.this["data"].arn] },
    ]
    consumer = [
      { actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], resources = [aws_sqs_queue.events.arn] },
      { actions = ["kms:Decrypt"], resources = [aws_kms_key.this["data"].arn] },
    ]
    setup            = []
    prefect-server   = []
    prefect-services = []
  }
}

data "aws_iam_policy_document" "ecs" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "task" {
  for_each           = local.services
  name               = "${local.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.ecs.json
}

data "aws_iam_policy_document" "task" {
  for_each = { for name, permissions in local.permissions : name => permissions if length(permissions) > 0 }

  dynamic "statement" {
    for_each = each.value

    content {
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }

  # The metrics agent beside the housekeeping. PutMetricData knows no resources; the namespace is the limit.
  dynamic "statement" {
    for_each = each.key == "housekeeping" ? [1] : []

    content {
      actions   = ["cloudwatch:PutMetricData"]
      resources = ["*"]

      condition {
        test     = "StringEquals"
        variable = "cloudwatch:namespace"
        values   = [local.name]
      }
    }
  }
}

resource "aws_iam_role_policy" "task" {
  for_each = data.aws_iam_policy_document.task
  name     = "calls"
  role     = aws_iam_role.task[each.key].id
  policy   = each.value.json
}

resource "aws_iam_role" "execution" {
  for_each           = local.services
  name               = "${local.name}-${each.key}-execution"
  assume_role_policy = data.aws_iam_policy_document.ecs.json
}

data "aws_iam_policy_document" "execution" {
  for_each = local.services

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for name in each.value.secrets : aws_secretsmanager_secret.this[local.secret_of[name]].arn]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this["data"].arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.service[each.key].arn}:*"]
  }

  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.this.arn]
  }

  # It knows no resources.
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.services
  name     = "start"
  role     = aws_iam_role.execution[each.key].id
  policy   = data.aws_iam_policy_document.execution[each.key].json
}

# AWS's own helpers.

data "aws_iam_policy_document" "helper" {
  for_each = { database_monitoring = "monitoring.rds.amazonaws.com", flow_logs = "vpc-flow-logs.amazonaws.com" }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }
  }
}

resource "aws_iam_role" "database_monitoring" {
  name               = "${local.name}-database-monitoring"
  assume_role_policy = data.aws_iam_policy_document.helper["database_monitoring"].json
}

resource "aws_iam_role_policy_attachment" "database_monitoring" {
  role       = aws_iam_role.database_monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_iam_role" "flow_logs" {
  name               = "${local.name}-flow-logs"
  assume_role_policy = data.aws_iam_policy_document.helper["flow_logs"].json
}

data "aws_iam_policy_document" "flow_logs" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.flows.arn}:*"]
  }
}

resource "aws_iam_role_policy" "flow_logs" {
  name   = "write"
  role   = aws_iam_role.flow_logs.id
  policy = data.aws_iam_policy_document.flow_logs.json
}
