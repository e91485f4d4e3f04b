# What runs, with which settings and secrets. Variables are those of underwriting/settings.py and of Prefect; a test compares
# each service's with what its code reads.
locals {
  # The default of underwriting/settings.py.
  event_source = "underwriting"
  prefect_url  = "https://prefect.${var.domain}"
  python       = "import urllib.request as u; u.urlopen"

  # Settings that several services share.
  settings = {
    common = {
      UNDERWRITING_ENCRYPTION_KEY_ID              = var.encryption_key_id
      UNDERWRITING_LOG_FORMAT                     = "json"
      PREFECT_API_URL                             = "${local.prefect_url}/api"
      PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS   = "false"
      PREFECT_LOGGING_FORMATTERS_STANDARD_DATEFMT = "%Y-%m-%d %H:%M:%S"
      DO_NOT_TRACK                                = "1"
    }
    integrations = {
      UNDERWRITING_AWS_REGION = var.region
      UNDERWRITING_EVENT_BUS  = aws_cloudwatch_event_bus.this.name
    }
    sources = {
      UNDERWRITING_USER_SERVICE_URL  = var.sources.user_service
      UNDERWRITING_REGISTRY_URL      = var.sources.registry
      UNDERWRITING_STATEMENTS_URL    = "s3://${aws_s3_bucket.this["documents"].id}/statements"
      UNDERWRITING_ACCOUNTS_URL      = "s3://${aws_s3_bucket.this["documents"].id}/accounts"
      UNDERWRITING_BUREAU_URL        = var.sources.bureau
      UNDERWRITING_EXPOSURE_URL      = var.sources.exposure
      UNDERWRITING_FRAUD_URL         = var.sources.fraud
      UNDERWRITING_LOANS_URL         = var.sources.loans
      UNDERWRITING_PAYMENTS_URL      = var.sources.payments
      UNDERWRITING_FLOAT_SERVICE_URL = var.sources.float_service
      UNDERWRITING_TRANSACTIONS_URL  = var.sources.transactions
      UNDERWRITING_SCORES_URL        = var.sources.scores
    }
    # As `underwriting up` sets them; underwriting/local/environment.py says why.
    prefect = {
      DO_NOT_TRACK                                              = "1"
      PREFECT_LOGGING_FORMATTERS_STANDARD_DATEFMT               = "%Y-%m-%d %H:%M:%S"
      PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED                = "true"
      PREFECT_SERVER_ANALYTICS_ENABLED                          = "false"
      PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT                = "false"
      PREFECT_SERVER_UI_API_URL                                 = "${local.prefect_url}/api"
      PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS                 = "false"
      PREFECT_SERVER_LOGGING_LEVEL                              = "WARNING"
      PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE      = "200"
      PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE = "50"
      PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL  = "1"
      PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE        = "500"
      PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE   = "50"
      PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE              = "15"
      PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW           = "0"
      PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS           = "PT5M"
      PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME      = "PT3M"
      PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED                 = "true"
      PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD        = "P14D"
      # In Redis instead of files and memory: there are several servers.
      PREFECT_SERVER_EVENTS_MESSAGING_BROKER   = "prefect_redis.messaging"
      PREFECT_SERVER_EVENTS_MESSAGING_CACHE    = "prefect_redis.messaging"
      PREFECT_SERVER_EVENTS_CAUSAL_ORDERING    = "prefect_redis.ordering"
      PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE = "prefect_redis.lease_storage"
    }
  }

  # Secrets that all of our own services read.
  store_secrets = ["UNDERWRITING_DATABASE_URL", "UNDERWRITING_ENCRYPTION_KEYS", "PREFECT_API_AUTH_STRING"]

  # What all workers run at a time, each as many as UNDERWRITING_WORKER_LIMIT is by default; tenants share it.
  worker_slots = tostring(12 * var.tasks["worker"].most)

  # Whether the loops of a process answer.
  alive = ["CMD", "python", "-c", "${local.python}('http://127.0.0.1:8402/live', timeout=8)"]

  services = {
    api = {
      command  = ["uvicorn", "--factory", "underwriting.api.app:create_app", "--host", "0.0.0.0", "--port", "8400"]
      health   = ["CMD", "python", "-c", "${local.python}('http://127.0.0.1:8400/health/live', timeout=8)"]
      cpu      = 1024
      memory   = 2048
      settings = ["common", "integrations", "sources"]
      environment = {
        UNDERWRITING_JWKS_URL       = var.jwks_url
        UNDERWRITING_TOKEN_ISSUER   = var.token_issuer
        UNDERWRITING_TOKEN_AUDIENCE = var.token_audience
        UNDERWRITING_CREDITORS      = jsonencode(var.creditors)
        UNDERWRITING_BUREAUS        = jsonencode(var.bureaus)
        UNDERWRITING_WORKER_SLOTS   = local.worker_slots
      }
      secrets = concat(local.store_secrets, ["UNDERWRITING_PARTNERS", "UNDERWRITING_SOURCE_TOKENS"])
    }

    worker = {
      command  = ["prefect", "worker", "start", "--pool", "underwriting", "--type", "warm"]
      health   = local.alive
      cpu      = 2048
      memory   = 8192
      settings = ["common", "integrations", "sources"]
      environment = {
        UNDERWRITING_PUBLIC_URL     = "https://${var.domain}"
        UNDERWRITING_LIMITS_TENANT  = var.limits_tenant
        UNDERWRITING_LIMITS_HISTORY = "s3://${aws_s3_bucket.this["history"].id}/history?region=${var.region}"
        UNDERWRITING_LIMITS_FOLDER  = "/var/lib/underwriting"
        UNDERWRITING_LIMITS_SEALED  = "true"
        UNDERWRITING_SEGMENTS       = jsonencode(var.segments)
        UNDERWRITING_WORKER_SLOTS   = local.worker_slots
        UNDERWRITING_HEALTH_PORT    = "8402"
      }
      secrets = concat(local.store_secrets, ["UNDERWRITING_PARTNERS", "UNDERWRITING_SOURCE_TOKENS"])
    }

    housekeeping = {
      command  = ["underwriting", "housekeeping"]
      health   = local.alive
      cpu      = 1024
      memory   = 2048
      settings = ["common", "integrations"]
      environment = {
        UNDERWRITING_AUDIT_STREAM = aws_kinesis_stream.audit.name
        UNDERWRITING_PURGE        = tostring(var.purge)
        UNDERWRITING_RETENTION    = jsonencode(var.retention)
        UNDERWRITING_HEALTH_PORT  = "8402"
        UNDERWRITING_WORKER_SLOTS = local.worker_slots
        # The agent beside it; see tasks.tf.
        UNDERWRITING_STATSD_HOST = "127.0.0.1"
      }
      secrets = concat(local.store_secrets, ["UNDERWRITING_PARTNERS"])
    }

    consumer = {
      command  = ["underwriting", "consume"]
      health   = local.alive
      cpu      = 512
      memory   = 2048
      settings = ["common", "integrations"]
      environment = {
        UNDERWRITING_EVENTS_QUEUE_URL = aws_sqs_queue.events.url
        UNDERWRITING_HEALTH_PORT      = "8402"
        UNDERWRITING_WORKER_SLOTS     = local.worker_slots
      }
      secrets = local.store_secrets
    }

    # Run once for each version, by hand or by your pipeline; see docs/deploying.md.
    setup = {
      command     = ["sh", "-ec", "underwriting migrate; underwriting rulebooks publish; underwriting deploy"]
      health      = null
      cpu         = 1024
      memory      = 2048
      settings    = ["common"]
      environment = { UNDERWRITING_REQUIRED_RULES = jsonencode(var.required_rules), UNDERWRITING_SEGMENTS = jsonencode(var.segments) }
      secrets     = local.store_secrets
    }

    prefect-server = {
      command  = ["prefect", "server", "start", "--no-services", "--host", "0.0.0.0", "--port", "4200"]
      health   = ["CMD", "python", "-c", "${local.python}('http://127.0.0.1:4200/api/health', timeout=8)"]
      cpu      = 1024
      memory   = 2048
      settings = ["prefect"]
      # The services do it, who are one; two at once would disturb each other.
      environment = { PREFECT_SERVER_DATABASE_MIGRATE_ON_START = "false" }
      secrets     = local.prefect_secrets
    }

    # Migrates Prefect's database to a new version, then plans runs and records task runs and events.
    prefect-services = {
      command     = ["sh", "-ec", "prefect server database upgrade --yes; exec prefect server services start"]
      health      = null
      cpu         = 1024
      memory      = 2048
      settings    = ["prefect"]
      environment = {}
      secrets     = local.prefect_secrets
    }
  }

  prefect_secrets = ["PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_REDIS_MESSAGING_URL"]

  # All but the set-up run all the time.
  running = { for name, service in local.services : name => service if name != "setup" }
}
