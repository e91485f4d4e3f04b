# Two databases of their own: the store, which is the truth, and Prefect's, which may be lost. Each can be restored to any
# moment of the last days without the other.
locals {
  databases = toset(["store", "prefect"])
}

resource "aws_db_subnet_group" "this" {
  name       = local.name
  subnet_ids = [for subnet in aws_subnet.data : subnet.id]
}

resource "aws_db_parameter_group" "this" {
  name   = "${local.name}-${var.postgres_major}"
  family = "postgres${var.postgres_major}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Slow statements and changes of the schema are logged, values never: they may be personal.
  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  parameter {
    name  = "log_parameter_max_length"
    value = "0"
  }

  parameter {
    name  = "log_parameter_max_length_on_error"
    value = "0"
  }
}

resource "aws_db_instance" "this" {
  for_each       = local.databases
  identifier     = "${local.name}-${each.key}"
  engine         = "postgres"
  engine_version = var.postgres_major
  instance_class = var.database_class

  db_name             = each.key == "store" ? "underwriting" : "prefect"
  username            = each.key == "store" ? "underwriting" : "prefect"
  password_wo         = ephemeral.aws_secretsmanager_secret_version.password[each.key].secret_string
  password_wo_version = var.password_version

  allocated_storage     = var.database_gigabytes
  max_allocated_storage = 10 * var.database_gigabytes
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.this["data"].arn

  multi_az                = var.two_zones
  db_subnet_group_name    = aws_db_subnet_group.this.name
  vpc_security_group_ids  = [aws_security_group.database[each.key].id]
  publicly_accessible     = false
  ca_cert_identifier      = "rds-ca-rsa2048-g1"
  parameter_group_name    = aws_db_parameter_group.this.name
  backup_retention_period = var.backup_days
  backup_window           = "08:00-08:30"
  maintenance_window      = "sun:09:00-sun:10:00"

  auto_minor_version_upgrade          = true
  copy_tags_to_snapshot               = true
  delete_automated_backups            = false
  deletion_protection                 = var.keep_on_destroy
  skip_final_snapshot                 = !var.keep_on_destroy
  final_snapshot_identifier           = "${local.name}-${each.key}-last"
  iam_database_authentication_enabled = true

  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.database_monitoring.arn
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.this["data"].arn
}
