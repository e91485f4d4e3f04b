# Redis, by which several Prefect servers share events, their order and the leases of concurrency limits.
resource "aws_elasticache_subnet_group" "this" {
  name       = local.name
  subnet_ids = [for subnet in aws_subnet.data : subnet.id]
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV_AWS_31:It has an auth token, by the write-only argument, which the scanner does not know.
  replication_group_id = local.name
  description          = "Events and leases of the Prefect servers"
  engine               = "redis"
  engine_version       = "7.1"
  node_type            = var.cache_class
  port                 = 6379

  num_cache_clusters         = var.two_zones ? 2 : 1
  automatic_failover_enabled = var.two_zones
  multi_az_enabled           = var.two_zones
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.cache.id]

  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  kms_key_id                 = aws_kms_key.this["data"].arn
  auth_token_wo              = ephemeral.aws_secretsmanager_secret_version.password["redis"].secret_string
  auth_token_wo_version      = var.password_version

  snapshot_retention_limit   = 1
  auto_minor_version_upgrade = true
}
