# A log group for each service, and for what the network and the firewall report.
resource "aws_cloudwatch_log_group" "service" {
  for_each          = local.services
  name              = "/${local.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this["logs"].arn
}

resource "aws_cloudwatch_log_group" "flows" {
  name              = "/${local.name}/network"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this["logs"].arn
}

resource "aws_cloudwatch_log_group" "commands" {
  name              = "/${local.name}/commands"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this["logs"].arn
}

# The firewall takes only names that begin so.
resource "aws_cloudwatch_log_group" "firewall" {
  name              = "aws-waf-logs-${local.name}"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this["logs"].arn
}
