# How many tasks run: workers by what waits to be decided, the housekeeping by messages to send, consumers by events in the
# queue, each for one task; the API by its processors.
locals {
  # What waits, as the housekeeping's metrics agent reports it; tasks/sweeping.py names the queues.
  waiting = {
    worker       = { queues = ["applications", "evaluations"], for_each_task = 20 }
    housekeeping = { queues = ["outbox"], for_each_task = 2000 }
  }
}

resource "aws_appautoscaling_target" "this" {
  for_each           = { for name, service in local.running : name => service if !startswith(name, "prefect-") }
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this[each.key].name}"
  min_capacity       = var.tasks[each.key].fewest
  max_capacity       = var.tasks[each.key].most
}

resource "aws_appautoscaling_policy" "api" {
  name               = "processors"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this["api"].service_namespace
  scalable_dimension = aws_appautoscaling_target.this["api"].scalable_dimension
  resource_id        = aws_appautoscaling_target.this["api"].resource_id

  target_tracking_scaling_policy_configuration {
    target_value = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "waiting" {
  for_each           = local.waiting
  name               = "waiting"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.for_each_task
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    customized_metric_specification {
      dynamic "metrics" {
        for_each = each.value.queues

        content {
          id          = metrics.value
          return_data = false

          metric_stat {
            stat = "Maximum"

            metric {
              namespace   = local.name
              metric_name = "underwriting.queue.depth"

              dimensions {
                name  = "queue"
                value = metrics.value
              }

              dimensions {
                name  = "metric_type"
                value = "gauge"
              }
            }
          }
        }
      }

      metrics {
        id          = "tasks"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "ECS/ContainerInsights"
            metric_name = "RunningTaskCount"

            dimensions {
              name  = "ClusterName"
              value = aws_ecs_cluster.this.name
            }

            dimensions {
              name  = "ServiceName"
              value = each.key
            }
          }
        }
      }

      metrics {
        id          = "each"
        expression  = "(${join(" + ", each.value.queues)}) / FILL(tasks, 1)"
        return_data = true
      }
    }
  }
}

resource "aws_appautoscaling_policy" "events" {
  name               = "events"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this["consumer"].service_namespace
  scalable_dimension = aws_appautoscaling_target.this["consumer"].scalable_dimension
  resource_id        = aws_appautoscaling_target.this["consumer"].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 500
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    customized_metric_specification {
      metrics {
        id          = "waiting"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "AWS/SQS"
            metric_name = "ApproximateNumberOfMessagesVisible"

            dimensions {
              name  = "QueueName"
              value = aws_sqs_queue.events.name
            }
          }
        }
      }

      metrics {
        id          = "tasks"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "ECS/ContainerInsights"
            metric_name = "RunningTaskCount"

            dimensions {
              name  = "ClusterName"
              value = aws_ecs_cluster.this.name
            }

            dimensions {
              name  = "ServiceName"
              value = "consumer"
            }
          }
        }
      }

      metrics {
        id          = "each"
        expression  = "waiting / FILL(tasks, 1)"
        return_data = true
      }
    }
  }
}
