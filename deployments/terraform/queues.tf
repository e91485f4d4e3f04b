# Events in: whoever has news puts them on the bus, a rule passes them to the queue, and consumers take them off it.
resource "aws_cloudwatch_event_bus" "this" {
  name               = local.name
  kms_key_identifier = aws_kms_key.this["data"].arn

  # What the bus cannot give to a rule's target.
  dead_letter_config {
    arn = aws_sqs_queue.events_dead.arn
  }
}

# All but our own, which go out by the same bus.
resource "aws_cloudwatch_event_rule" "events" {
  name           = "${local.name}-events"
  event_bus_name = aws_cloudwatch_event_bus.this.name
  event_pattern  = jsonencode({ source = [{ "anything-but" = [local.event_source] }] })
}

resource "aws_cloudwatch_event_target" "events" {
  rule           = aws_cloudwatch_event_rule.events.name
  event_bus_name = aws_cloudwatch_event_bus.this.name
  arn            = aws_sqs_queue.events.arn

  dead_letter_config {
    arn = aws_sqs_queue.events_dead.arn
  }
}

resource "aws_sqs_queue" "events" {
  name              = "${local.name}-events"
  kms_master_key_id = aws_kms_key.this["data"].arn
  # A batch has 0.9 of this to be stored; see docs/operating.md.
  visibility_timeout_seconds = 60
  message_retention_seconds  = 1209600
  receive_wait_time_seconds  = 5

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.events_dead.arn
    maxReceiveCount     = 10
  })
}

resource "aws_sqs_queue" "events_dead" {
  name                      = "${local.name}-events-dead"
  kms_master_key_id         = aws_kms_key.this["data"].arn
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue_redrive_allow_policy" "events_dead" {
  queue_url = aws_sqs_queue.events_dead.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.events.arn]
  })
}

data "aws_iam_policy_document" "queue" {
  for_each = { events = aws_sqs_queue.events.arn, events_dead = aws_sqs_queue.events_dead.arn }

  statement {
    sid       = "EventBridge"
    actions   = ["sqs:SendMessage"]
    resources = [each.value]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.id
  policy    = data.aws_iam_policy_document.queue["events"].json
}

resource "aws_sqs_queue_policy" "events_dead" {
  queue_url = aws_sqs_queue.events_dead.id
  policy    = data.aws_iam_policy_document.queue["events_dead"].json
}
