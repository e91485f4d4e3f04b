# What a person has to look at. docs/operating.md says what to do.
resource "aws_sns_topic" "alarms" {
  name              = "${local.name}-alarms"
  kms_master_key_id = aws_kms_key.this["data"].arn
}

resource "aws_sns_topic_subscription" "alarms" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

locals {
  # Lengths and ages of queues, by the names of underwriting/store/depths.py; `above` for as many minutes.
  queue_alarms = {
    oldest-application       = { metric = "underwriting.queue.age.seconds", queue = "applications", above = 600, minutes = 5 }
    oldest-evaluation        = { metric = "underwriting.queue.age.seconds", queue = "evaluations", above = 300, minutes = 5 }
    oldest-message           = { metric = "underwriting.queue.age.seconds", queue = "outbox", above = 3600, minutes = 15 }
    oldest-event             = { metric = "underwriting.queue.age.seconds", queue = "inbox", above = 900, minutes = 5 }
    dead-messages            = { metric = "underwriting.queue.depth", queue = "outbox_dead", above = 0, minutes = 5 }
    dead-events              = { metric = "underwriting.queue.depth", queue = "inbox_dead", above = 0, minutes = 5 }
    quarantined-applications = { metric = "underwriting.queue.depth", queue = "applications_quarantined", above = 0, minutes = 5 }
    quarantined-evaluations  = { metric = "underwriting.queue.depth", queue = "evaluations_quarantined", above = 0, minutes = 5 }
    late-limit-runs          = { metric = "underwriting.queue.depth", queue = "limit_runs_late", above = 0, minutes = 15 }
    held-limit-runs          = { metric = "underwriting.queue.depth", queue = "limit_runs_held", above = 0, minutes = 5 }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each            = local.queue_alarms
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.metric} of ${each.value.queue}; `underwriting status` shows more."
  namespace           = local.name
  metric_name         = each.value.metric
  dimensions          = { queue = each.value.queue, metric_type = "gauge" }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = each.value.minutes
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "lists" {
  alarm_name          = "${local.name}-lists"
  alarm_description   = "The list of OFAC was not loaded for two days; see schedules.tf."
  namespace           = local.name
  metric_name         = "underwriting.list.age.seconds"
  dimensions          = { list = "ofac", metric_type = "gauge" }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 172800
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# No figures at all: the housekeeping stands still.
resource "aws_cloudwatch_metric_alarm" "housekeeping" {
  alarm_name          = "${local.name}-housekeeping"
  alarm_description   = "The housekeeping reports nothing: nothing is started again and no message is sent."
  namespace           = local.name
  metric_name         = "underwriting.queue.depth"
  dimensions          = { queue = "outbox", metric_type = "gauge" }
  statistic           = "SampleCount"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${local.name}-dead-letters"
  alarm_description   = "Messages that are no events, or that could not be stored, are in the dead-letter queue."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.events_dead.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each            = local.balanced
  alarm_name          = "${local.name}-${each.key}-errors"
  alarm_description   = "${each.key} answers with errors of its own."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  dimensions          = { LoadBalancer = aws_lb.this[each.key].arn_suffix }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "unhealthy" {
  for_each            = local.balanced
  alarm_name          = "${local.name}-${each.key}-unhealthy"
  alarm_description   = "No task of ${each.key} is healthy."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = { LoadBalancer = aws_lb.this[each.key].arn_suffix, TargetGroup = aws_lb_target_group.this[each.key].arn_suffix }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "storage" {
  for_each            = local.databases
  alarm_name          = "${local.name}-${each.key}-storage"
  alarm_description   = "The database of the ${each.key} has less than 5 GB left."
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.this[each.key].identifier }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 5000000000
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
