# The cluster and the services on it. No machine is ours: Fargate runs each task in one of its own.
resource "aws_ecs_cluster" "this" {
  name = local.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  # Commands that an operator runs in a container are logged.
  configuration {
    execute_command_configuration {
      kms_key_id = aws_kms_key.this["data"].arn
      logging    = "OVERRIDE"

      log_configuration {
        cloud_watch_log_group_name     = aws_cloudwatch_log_group.commands.name
        cloud_watch_encryption_enabled = true
      }
    }
  }
}

resource "aws_ecs_service" "this" {
  for_each         = local.running
  name             = each.key
  cluster          = aws_ecs_cluster.this.id
  task_definition  = aws_ecs_task_definition.this[each.key].arn
  desired_count    = var.tasks[each.key].fewest
  launch_type      = "FARGATE"
  platform_version = "LATEST"
  propagate_tags   = "SERVICE"

  # A version whose tasks do not become healthy is taken back.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = [for subnet in aws_subnet.private : subnet.id]
    security_groups  = [startswith(each.key, "prefect-") ? aws_security_group.prefect.id : aws_security_group.services.id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = { for name, balancer in local.balanced : name => balancer if name == each.key }

    content {
      target_group_arn = aws_lb_target_group.this[each.key].arn
      container_name   = each.key
      container_port   = load_balancer.value.port
    }
  }

  # Their number is the scaling's.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_lb_listener.https]
}
