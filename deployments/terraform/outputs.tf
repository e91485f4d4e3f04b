# What the steps of docs/deploying.md need.
output "repository" {
  description = "Where the image is pushed."
  value       = aws_ecr_repository.this.repository_url
}

output "cluster" {
  description = "The ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "setup" {
  description = "The task that migrates, publishes rulebooks and deploys."
  value       = aws_ecs_task_definition.this["setup"].family
}

output "subnets" {
  description = "Where that task runs."
  value       = [for subnet in aws_subnet.private : subnet.id]
}

output "security_group" {
  description = "The group of that task."
  value       = aws_security_group.services.id
}

output "secrets_to_fill" {
  description = "Secrets whose values are yours; nothing starts before they are put in."
  value       = [for name in ["encryption-keys", "partners", "source-tokens"] : aws_secretsmanager_secret.this[name].name]
}

output "history_bucket" {
  description = "Where the nightly limit run reads, under history/."
  value       = aws_s3_bucket.this["history"].id
}

output "documents_bucket" {
  description = "Documents about customers, under statements/ and accounts/."
  value       = aws_s3_bucket.this["documents"].id
}
