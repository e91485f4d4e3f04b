# Secrets: those that this configuration makes, and those whose values are the lender's and are put in by hand, once
# (docs/deploying.md). No value enters the state. A service is given its own by their variables; see services.tf.
locals {
  # Passwords that nobody has to know.
  passwords = toset(["store", "prefect", "redis", "operator"])

  # The secret behind each variable.
  secret_of = {
    UNDERWRITING_DATABASE_URL              = "store-url"
    PREFECT_SERVER_DATABASE_CONNECTION_URL = "prefect-url"
    PREFECT_REDIS_MESSAGING_URL            = "redis-url"
    PREFECT_API_AUTH_STRING                = "operator"
    PREFECT_SERVER_API_AUTH_STRING         = "operator"
    UNDERWRITING_ENCRYPTION_KEYS           = "encryption-keys"
    UNDERWRITING_PARTNERS                  = "partners"
    UNDERWRITING_SOURCE_TOKENS             = "source-tokens"
  }

  # What is put together here out of a password and an address.
  written = {
    store-url   = "postgresql+asyncpg://underwriting:${ephemeral.aws_secretsmanager_secret_version.password["store"].secret_string}@${aws_db_instance.this["store"].endpoint}/underwriting?ssl=require"
    prefect-url = "postgresql+asyncpg://prefect:${ephemeral.aws_secretsmanager_secret_version.password["prefect"].secret_string}@${aws_db_instance.this["prefect"].endpoint}/prefect?ssl=require"
    redis-url   = "rediss://:${ephemeral.aws_secretsmanager_secret_version.password["redis"].secret_string}@${aws_elasticache_replication_group.this.primary_endpoint_address}:6379/0"
    operator    = "operator:${ephemeral.aws_secretsmanager_secret_version.password["operator"].secret_string}"
  }
}

ephemeral "random_password" "this" {
  for_each = local.passwords
  length   = 40
  # It stands in URLs.
  special = false
}

resource "aws_secretsmanager_secret" "password" {
  #checkov:skip=CKV2_AWS_57:A new password has to reach database and tasks at the same time; password_version does both.
  for_each                = local.passwords
  name                    = "${local.name}/password/${each.key}"
  kms_key_id              = aws_kms_key.this["data"].arn
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret_version" "password" {
  for_each                 = local.passwords
  secret_id                = aws_secretsmanager_secret.password[each.key].id
  secret_string_wo         = ephemeral.random_password.this[each.key].result
  secret_string_wo_version = var.password_version
}

# Read back, so that an apply that was interrupted goes on with the password that is stored.
ephemeral "aws_secretsmanager_secret_version" "password" {
  for_each  = local.passwords
  secret_id = aws_secretsmanager_secret_version.password[each.key].secret_id
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:Addresses follow their passwords; the others are the lender's, and docs/operating.md says how to change each.
  for_each                = toset(values(local.secret_of))
  name                    = "${local.name}/${each.key}"
  kms_key_id              = aws_kms_key.this["data"].arn
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret_version" "written" {
  for_each                 = toset(["store-url", "prefect-url", "redis-url", "operator"])
  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = local.written[each.key]
  secret_string_wo_version = var.password_version
}
