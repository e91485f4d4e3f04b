# The containers: confined as in deployments/compose.yaml.
locals {
  # The user that the image makes.
  confined = {
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    essential              = true
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"], add = [] } }
  }

  # The agent passes on the lengths of queues, by which services are scaled and alarms are raised.
  agent = jsonencode({
    agent = { region = var.region, omit_hostname = true }
    metrics = {
      namespace            = local.name
      metrics_collected    = { statsd = { service_address = ":8125", metrics_collection_interval = 10, metrics_aggregation_interval = 60 } }
      force_flush_interval = 60
    }
  })

  log_options = {
    for name in keys(local.services) : name => {
      awslogs-group         = aws_cloudwatch_log_group.service[name].name
      awslogs-region        = var.region
      awslogs-stream-prefix = "task"
    }
  }
}

resource "aws_ecs_task_definition" "this" {
  for_each                 = local.services
  family                   = "${local.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  task_role_arn            = aws_iam_role.task[each.key].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  # In place of a file system that can be written.
  volume {
    name = "tmp"
  }

  dynamic "volume" {
    for_each = each.key == "worker" ? [1] : []

    content {
      name = "limits"

      efs_volume_configuration {
        file_system_id     = aws_efs_file_system.limits.id
        transit_encryption = "ENABLED"

        authorization_config {
          access_point_id = aws_efs_access_point.limits.id
          iam             = "ENABLED"
        }
      }
    }
  }

  container_definitions = jsonencode(concat(
    [merge(local.confined, {
      name  = each.key
      image = local.image
      # Apart, so that the arguments of the set-up can be replaced for a single command.
      entryPoint  = slice(each.value.command, 0, 1)
      command     = slice(each.value.command, 1, length(each.value.command))
      environment = [for name, value in merge(concat([for group in each.value.settings : local.settings[group]], [each.value.environment])...) : { name = name, value = value }]
      secrets     = [for name in each.value.secrets : { name = name, valueFrom = aws_secretsmanager_secret.this[local.secret_of[name]].arn }]
      mountPoints = concat(
        [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }],
        each.key == "worker" ? [{ sourceVolume = "limits", containerPath = "/var/lib/underwriting", readOnly = false }] : [],
      )
      portMappings = [for service, balancer in local.balanced : { containerPort = balancer.port, protocol = "tcp" } if service == each.key]
      healthCheck  = each.value.health == null ? null : { command = each.value.health, interval = 10, timeout = 10, retries = 3, startPeriod = 120 }
      # Longer than a worker's own grace time, so that it finishes its reviews.
      stopTimeout      = 30
      logConfiguration = { logDriver = "awslogs", options = local.log_options[each.key] }
    })],
    each.key == "housekeeping" ? [merge(local.confined, {
      name        = "metrics"
      image       = var.cloudwatch_agent_image
      essential   = false
      environment = [{ name = "CW_CONFIG_CONTENT", value = local.agent }]
      # It writes its configuration beside its program.
      readonlyRootFilesystem = false
      user                   = "0:0"
      logConfiguration       = { logDriver = "awslogs", options = local.log_options[each.key] }
    })] : [],
  ))
}
